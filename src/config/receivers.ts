import { createSecureContext } from 'node:tls'
import type { Problem } from '../core/plan.ts'
import type { ReceiverPlan, ReceiverTls } from '../core/receiver.ts'
import type { ConfigurationFiles } from './files.ts'
import { readText } from './listeners.ts'
import type { ReceiverSettings } from './schema.ts'

type Path = readonly (string | number)[]
type Report = (problem: Problem) => void

/** Settings of a receiver → where and how it is reached; certificates are read and tried here. */
export function compileReceiver(name: string, settings: ReceiverSettings, files: ConfigurationFiles, report: Report): ReceiverPlan {
  const { url, timeout, connectTimeout, connections, unhealthyAfter, retryAfter } = settings
  const path = ['receivers', name]
  return {
    name, timeout, connections, unhealthyAfter, retryAfter,
    urls: url.map((one) => (one.startsWith(unix) ? unix + files.absolute(one.slice(unix.length)) : one)),
    connectTimeout: Math.min(timeout, connectTimeout),
    tls: compileTls(settings, path, files, report),
  }
}
const unix = 'unix:'

function compileTls({ url, ca, certificate, key, serverName }: ReceiverSettings, path: Path, files: ConfigurationFiles, report: Report): ReceiverTls {
  const read = (name: string, ...below: Path) => readText(name, [...path, ...below], files, report)
  const tls = {
    ca: ca?.map((name, at) => read(name, 'ca', at)),
    certificate: certificate === undefined ? undefined : read(certificate, 'certificate'),
    key: key === undefined ? undefined : read(key, 'key'),
    serverName,
  }
  const [first] = Object.entries(tls).flatMap(([field, value]) => (value === undefined ? [] : [field]))
  if (first !== undefined && !url.every((one) => one.startsWith('https:'))) {
    report({ path: [...path, first], what: 'means nothing without TLS', mend: 'write `https://` in `url`, or leave this out' })
  }
  if ((certificate === undefined) !== (key === undefined)) {
    const [there, missing] = certificate === undefined ? ['key', 'certificate'] : ['certificate', 'key']
    report({ path: [...path, there], what: `there is no \`${missing}\` with it`, mend: 'write both or none' })
  }
  tryContext(tls, path, report)
  return tls
}

/** A file that is no PEM, or a key that is another's, shall show now and not with the first delivery. */
function tryContext({ ca, certificate, key }: ReceiverTls, path: Path, report: Report): void {
  if (ca?.includes('') === true || certificate === '' || key === '') return
  const isPem = (text: string) => text.includes('-----BEGIN CERTIFICATE-----')
  const at = ca?.findIndex((text) => !isPem(text)) ?? -1
  if (at !== -1) report({ path: [...path, 'ca', at], what: 'holds no certificate', mend: 'name a PEM file' })
  if (certificate === undefined || key === undefined) return
  try {
    createSecureContext({ cert: certificate, key })
  } catch (error) {
    const what = `does not make a certificate with its key (${error instanceof Error ? error.message : String(error)})`
    report({ path: [...path, 'certificate'], what, mend: 'name two PEM files that belong together' })
  }
}
