/**
 * How long the event loop of a gateway stands still over revocation lists of many megabytes: while it starts with one, takes
 * the next one over by a reload or by fetching it, and asks it for each delivery. `npm run bench:lists`. Exit code 1 where
 * a turn took longer than 50 ms of processor time.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Command } from 'commander'
import type { Milliseconds } from '../src/core/units.ts'
import { Gateway } from '../src/gateway.ts'
import { systemWorld, type World } from '../src/world.ts'
import { subjectOf } from '../src/certificates/revocation-list.ts'
import { makeLargeList, pemOf } from '../test/support/large-list.ts'
import { makeCertificates, type Certificates } from './certificates.ts'
import { startPeer, type Peer } from './lists-peer.ts'
import { count, optionsOf } from './options.ts'
import { circumstances, median, table, writeSection } from './results.ts'

const options = optionsOf<{ readonly rounds: number; readonly print?: true }>(new Command('npm run bench:lists --')
  .description('How long the event loop of a gateway stands still over revocation lists of many megabytes; written into bench/RESULTS.md.\nExit code 1 where a turn took longer than 50 ms of processor time.')
  .option('--rounds <n>', 'how often everything is measured, after a round to warm up', count, 5)
  .option('--print', 'print only; leave bench/RESULTS.md alone')
  .addHelpText('after', '\nExamples:\n  npm run bench:lists\n  npm run bench:lists -- --rounds 1 --print'))
const mebibyte = 1024 * 1024
const longest: Milliseconds = 50
const minute: Milliseconds = 60_000

interface Kind { readonly name: string; readonly mebibytes: number; readonly source: 'file' | 'URL' | 'none'; readonly form: 'PEM' | 'DER' }
/** Of one moment: the longest turn of the event loop by the clock, and by the processor, which other work on the machine does not lengthen. */
interface Stall { readonly time: Milliseconds; readonly cpu: Milliseconds }
interface Stalls { readonly start: Stall; readonly deliveries: Stall; readonly next: Stall }
interface Stage { readonly folder: string; readonly list: string; readonly certificates: Certificates; readonly peer: Peer }

async function stallOf(run: () => Promise<unknown>): Promise<Stall> {
  await pause(30)
  let [time, cpu, isOver] = [0, 0, false]
  let before = { time: performance.now(), cpu: cpuTime() }
  const look = (): void => {
    const now = { time: performance.now(), cpu: cpuTime() }
    time = Math.max(time, now.time - before.time)
    cpu = Math.max(cpu, now.cpu - before.cpu)
    before = now
    if (!isOver) setTimeout(look, 1)
  }
  look()
  await run()
  await pause(30)
  isOver = true
  return { time, cpu }
}

const schedule = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r')
const line = Buffer.alloc(64)

/** What the main thread, and no other, has had of a processor (proc(5), the first figure: nanoseconds). */
function cpuTime(): Milliseconds {
  return Number.parseInt(line.toString('latin1', 0, readSync(schedule, line, 0, line.length, 0)), 10) / 1e6
}

/** The second list names the sender: from then on it is refused. */
function publish({ list, certificates: { ca, caKey, sender } }: Stage, { mebibytes, form }: Kind, number: 1 | 2): void {
  const serials = number === 1 ? [] : [new X509Certificate(readFileSync(sender)).serialNumber]
  const der = makeLargeList({
    issuer: subjectOf(new X509Certificate(readFileSync(ca)).raw), key: createPrivateKey(readFileSync(caKey)), bytes: mebibytes * mebibyte, revoked: serials, number,
  })
  writeFileSync(list, form === 'DER' ? der : pemOf(der))
}

async function measure(stage: Stage, kind: Kind): Promise<Stalls> {
  const directory = mkdtempSync(join(stage.folder, 'gateway-'))
  publish(stage, kind, 1)
  const { world, passHours } = hurried()
  const file = configure(stage, kind, directory)
  let gateway: Gateway | undefined
  const until = async (status: number): Promise<void> => { while ((await stage.peer.deliver(gateway?.addresses[0]?.port ?? 0, 1))[0] !== status) continue }
  const start = await stallOf(async () => {
    gateway = await Gateway.start(file, world)
    await until(200)
  })
  const deliveries = await stallOf(() => stage.peer.deliver(gateway?.addresses[0]?.port ?? 0, 200))
  publish(stage, kind, 2)
  const next = await stallOf(async () => {
    if (kind.source === 'URL') passHours()
    else await gateway?.reload()
    if (kind.source !== 'none') await until(403)
  })
  await gateway?.drain()
  rmSync(directory, { recursive: true, force: true })
  return { start, deliveries, next }
}

/** Hours pass when they are told to: a list is fetched anew once half of its time is over. */
function hurried(): { readonly world: World; readonly passHours: () => void } {
  const later: (() => void)[] = []
  const after: World['clock']['after'] = (delay, run) => {
    if (delay < minute) return systemWorld.clock.after(delay, run)
    later.push(run)
    return () => { later.splice(later.indexOf(run), 1) }
  }
  let ahead = 0
  const passHours = (): void => {
    ahead += 7 * 60 * minute
    for (const run of later.splice(0)) run()
  }
  return { world: { ...systemWorld, clock: { ...systemWorld.clock, after, now: () => Date.now() + ahead } }, passHours }
}

function configure({ certificates: { server, serverKey, ca }, list, peer }: Stage, { source }: Kind, directory: string): string {
  const crl = { file: [list], URL: [peer.url], none: [] }[source]
  const file = join(directory, 'sallyport.yaml')
  writeFileSync(file, JSON.stringify({
    listeners: [{ address: '127.0.0.1:0', tls: { certificate: server, key: serverKey, clientCertificate: { mode: 'request', ca: [ca], crl } } }],
    receivers: { target: { url: `http://127.0.0.1:${peer.receiver}` } }, replay: { store: 'memory:' },
    fetched: { directory: 'fetched' }, log: { level: 'error', audit: `file:${join(directory, 'audit.log')}` },
    routes: [{ name: 'bench', match: { path: '/hook' }, certificate: {}, forward: { to: 'target' } }],
  }))
  return file
}

const kinds: readonly Kind[] = [
  { name: 'no list', mebibytes: 0, source: 'none', form: 'PEM' },
  ...[1, 5, 20].flatMap((mebibytes) => (['file', 'URL'] as const).flatMap((source) => (['DER', 'PEM'] as const).map((form) => (
    { name: `${mebibytes} MiB, ${form}, from a ${source}`, mebibytes, source, form }
  )))),
]

const folder = mkdtempSync(join(tmpdir(), 'sallyport-lists-'))
const certificates = await makeCertificates(join(folder, 'certificates'))
const list = join(folder, 'list.crl')
const peer = await startPeer({ list, ca: certificates.ca, sender: certificates.sender, senderKey: certificates.senderKey })
const found = new Map(kinds.map((kind): [Kind, Stalls[]] => [kind, []]))
try {
  // The first round warms up.
  for (let round = 0; round <= options.rounds; round++) {
    for (const kind of kinds) {
      const stalls = await measure({ folder, list, certificates, peer }, kind)
      if (round > 0) found.get(kind)?.push(stalls)
      const told = Object.entries(stalls).map(([moment, { cpu, time }]: [string, Stall]) => `${moment} ${cpu.toFixed(1)} (${time.toFixed(1)})`)
      process.stderr.write(`${round === 0 ? 'warming up' : `round ${round} of ${options.rounds}`}  ${kind.name}: ${told.join(', ')}\n`)
    }
  }
} finally {
  await peer.close()
  rmSync(folder, { recursive: true, force: true })
}
const moments = ['start', 'next', 'deliveries'] as const
const figures = [...found].map(([{ name }, all]) => ({ name, of: moments.map((moment) => all.map((stalls) => stalls[moment])) }))
const most = (stalls: readonly Stall[], what: keyof Stall): Milliseconds => Math.max(...stalls.map((stall) => stall[what]))
const isHeld = figures.every(({ of }) => of.every((stalls) => most(stalls, 'cpu') <= longest))
const section = `## Revocation lists of many megabytes: how long the event loop stands still

${circumstances()}, Node ${process.versions.node}; ${options.rounds} rounds. The longest turn of the event loop at each moment, in milliseconds of the main thread's
processor time: the worst of all rounds, and in brackets the median by the clock, which other work on the machine lengthens. The row without a list tells
what the rest of the gateway takes. Asked: no more than ${longest}: ${isHeld ? 'held' : '**missed**'}.

${table(['list', 'start', 'the next list comes', '200 deliveries'], figures.map(({ name, of }) => [name, ...of.map((stalls) => `${most(stalls, 'cpu').toFixed(1)} (${median(stalls.map(({ time }) => time)).toFixed(1)})`)]))}`
if (options.print) process.stdout.write(`${section}\n`)
else writeSection('lists', section)
process.exitCode = isHeld ? 0 : 1
