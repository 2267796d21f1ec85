import { X509Certificate } from 'node:crypto'
import type { Instant, Milliseconds } from '../core/units.ts'
import { PkiDirectory, type Issue } from './directory.ts'
import { readText } from './files.ts'

const day: Milliseconds = 86_400_000
/** Made anew when less than this is left, so that nothing expires in the middle of a day's work. */
const margin = 2 * day

const wanted: readonly Omit<Issue, 'kind' | 'lifetime'>[] = [
  { name: 'server', role: 'server', subject: { CN: 'localhost' }, names: ['dns:localhost', 'ip:127.0.0.1', 'ip:::1'] },
  { name: 'sender', role: 'sender', subject: { CN: 'sender', O: 'Sallyport development' }, names: ['dns:sender.localhost'] },
]

/**
 * What `npm start` needs, in a directory: an authority, its list, a server certificate for this machine and a sender's
 * one. Leaves alone what is there and still good; makes anew what has expired or soon will. An authority without its key
 * is somebody's own and never touched.
 */
export async function makeDevelopmentCertificates(path: string, now: Instant): Promise<void> {
  const directory = new PkiDirectory(path)
  const authority = read(directory, 'ca')
  if (authority === undefined) {
    await directory.init({ CN: 'Sallyport development CA' }, 'ec', 3650 * day, 30 * day, now)
  } else if (readText(directory.file('ca.key')) === undefined) return
  const issuer = read(directory, 'ca')
  for (const one of wanted) {
    const there = read(directory, one.name)
    const good = there !== undefined && issuer !== undefined && there.checkIssued(issuer) && Date.parse(there.validTo) - now > margin
    const keyed = readText(directory.file(`${one.name}.key`)) !== undefined
    if (!good || !keyed) await directory.issue({ ...one, kind: 'ec', lifetime: 365 * day }, now, 'replace')
  }
  const nextUpdate = directory.listNextUpdate
  if (nextUpdate === undefined || nextUpdate - now < margin) await directory.renewList(now, 30 * day)
}

function read(directory: PkiDirectory, name: string): X509Certificate | undefined {
  const pem = readText(directory.file(`${name}.pem`))
  return pem === undefined ? undefined : new X509Certificate(pem)
}
