import type { ListenerPlan, Problem, TlsPlan } from '../core/plan.ts'
import type { ConfigurationFiles } from './files.ts'
import type { ListenerSettings, Settings } from './schema.ts'

type Path = readonly (string | number)[]
type Report = (problem: Problem) => void

const cap = 64 * 1024 * 1024

/** Settings of a listener → what it listens with; every file is read here, and an unreadable one is a problem. */
export function compileListener(settings: ListenerSettings, path: Path, files: ConfigurationFiles, report: Report): ListenerPlan {
  return {
    ...settings.address,
    tls: compileTls(settings.tls, [...path, 'tls'], files, report),
    ...settings.sourceAddress,
  }
}

function compileTls(settings: ListenerSettings['tls'], path: Path, files: ConfigurationFiles, report: Report): TlsPlan {
  const read = (name: string, ...below: Path) => readText(name, [...path, ...below], files, report)
  const client = settings.clientCertificate
  return {
    certificate: read(settings.certificate, 'certificate'),
    key: read(settings.key, 'key'),
    others: settings.others.map(({ certificate, key }, at) => ({
      certificate: read(certificate, 'others', at, 'certificate'), key: read(key, 'others', at, 'key'),
    })),
    unknownName: settings.unknownName, minVersion: settings.minVersion,
    clientCertificate: client === undefined ? undefined : {
      mode: client.mode,
      ca: client.ca.map((name, at) => read(name, 'clientCertificate', 'ca', at)),
      crl: client.crl.map((name, at) => (isUrl(name) ? { url: name } : readBytes(name, [...path, 'clientCertificate', 'crl', at], files, report))),
      ocsp: client.ocsp,
    },
  }
}

/** Files of lists, and the texts of the authorities that may have issued them. */
export interface ListFiles { readonly lists: readonly Uint8Array[]; readonly authorities: readonly string[] }

/** The listeners' files of lists, as far as they can be read, each read ahead. */
export async function listFiles({ listeners }: Settings, files: ConfigurationFiles): Promise<ListFiles[]> {
  const found: ListFiles[] = []
  for (const { tls: { clientCertificate: client } } of listeners) {
    if (client === undefined) continue
    const lists: Uint8Array[] = []
    for (const name of client.crl.filter((one) => !isUrl(one))) {
      const bytes = await files.readAhead(name, cap)
      if (!('fault' in bytes)) lists.push(bytes)
    }
    found.push({ lists, authorities: client.ca.map((name) => readText(name, [], files, () => {})) })
  }
  return found
}

/** Is this list fetched, and not a file? */
export function isUrl(name: string): boolean {
  return /^https?:\/\//i.test(name)
}

/** The text of a PEM file; empty once a problem was reported. */
export function readText(name: string, path: Path, files: ConfigurationFiles, report: Report): string {
  return Buffer.from(readBytes(name, path, files, report)).toString('latin1')
}

function readBytes(name: string, path: Path, files: ConfigurationFiles, report: Report): Uint8Array {
  const bytes = files.read(name, cap)
  if (!('fault' in bytes)) return bytes
  report({ path, what: `the file ${files.absolute(name)} ${bytes.fault}`, mend: 'write a path relative to the configuration file' })
  return new Uint8Array()
}
