import 'reflect-metadata'
import { X509Certificate } from 'node:crypto'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { RevocationList, listsIn } from '../src/certificates/revocation-list.ts'
import { makeAuthority } from '../src/pki/authority.ts'
import { makeKeys } from '../src/pki/keys.ts'
import { issueRevocationList } from '../src/pki/revocation-list.ts'
import { circumstances, median, table, writeSection } from './results.ts'

/** How long the event loop stands still while a list is read and verified: all at once, and in slices. */
const rounds = 5
const day = 86_400_000

async function makeList(entries: number): Promise<{ readonly der: Uint8Array; readonly authority: X509Certificate }> {
  const validity = { notBefore: Date.now() - day, notAfter: Date.now() + day }
  const authority = await makeAuthority({ subject: { CN: 'Benchmark CA' }, keys: await makeKeys('ec'), ...validity })
  const revoked = Array.from({ length: entries }, (_, at) => ({ serial: `40${at.toString(16).padStart(30, '0')}`, at: Date.now() }))
  const pem = await issueRevocationList(authority, { revoked, number: 1, thisUpdate: Date.now(), nextUpdate: Date.now() + day })
  return { der: listsIn(Buffer.from(pem, 'latin1'))[0] ?? new Uint8Array(), authority: new X509Certificate(Buffer.from(authority.certificate.rawData)) }
}

/** Milliseconds in all, and the longest stall. */
async function measure(run: () => unknown): Promise<{ readonly all: number; readonly stall: number }> {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  await new Promise((resolve) => { setTimeout(resolve, 50) })
  delay.reset()
  const started = performance.now()
  await run()
  const all = performance.now() - started
  await new Promise((resolve) => { setTimeout(resolve, 20) })
  delay.disable()
  return { all, stall: delay.max / 1e6 }
}

const rows: string[][] = []
for (const entries of [10_000, 50_000, 100_000]) {
  const { der, authority } = await makeList(entries)
  for (const [name, run] of [
    ['at once', () => RevocationList.read(der).isIssuedBy(authority)],
    ['in slices', async () => await (await RevocationList.readLater(der)).isIssuedByLater(authority)],
  ] as const) {
    const found = []
    for (let round = 0; round < rounds; round++) found.push(await measure(run))
    rows.push([`${entries} entries, ${(der.length / 1e6).toFixed(1)} MB, ${name}`, median(found.map(({ all }) => all)).toFixed(0), median(found.map(({ stall }) => stall)).toFixed(1), Math.max(...found.map(({ stall }) => stall)).toFixed(1)])
  }
}
writeSection('lists', `## Revocation lists: how long the event loop stands still

${circumstances()}, Node ${process.versions.node}; ${rounds} rounds each. Milliseconds.

${table(['list', 'in all, median', 'longest stall, median', 'longest stall of all'], rows)}`)
