/**
 * Good deliveries at a steady pace, first alone and then among bad, slow, huge and cut-off ones: is resident memory flat,
 * is every file descriptor given back, and how much slower do the good ones get? `npm run soak -- --minutes 30`. Exit code 1
 * where one answer is not as wanted.
 */
import { spawnSync } from 'node:child_process'
import { createReadStream, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Command } from 'commander'
import { makeCertificates } from './certificates.ts'
import { Lane } from './load.ts'
import { count, optionsOf } from './options.ts'
import { usageOf, type Usage } from './processes.ts'
import { startReceiver } from './receiver.ts'
import { circumstances, median, table, writeSection } from './results.ts'
import { contextOf, makeRequest, sendOnce } from './sender.ts'
import { sallyport } from './subjects/node.ts'
import { outsideCore, start } from './subjects/subject.ts'
import { troubles, type Doors } from './troubles.ts'

interface Options { readonly minutes: number; readonly node: string; readonly print?: true }

const options = optionsOf<Options>(new Command('npm run soak --')
  .description('Good deliveries at a steady pace, first alone and then among bad ones: memory, descriptors, latencies; written into bench/RESULTS.md.\nExit code 1 where one answer is not as wanted.')
  .option('--minutes <n>', 'how long; a minute for warming up and settling comes on top', count, 30)
  .option('--node <path>', 'the Node binary under Sallyport', process.execPath)
  .option('--print', 'print only; leave bench/RESULTS.md alone')
  .addHelpText('after', '\nExamples:\n  npm run soak\n  npm run soak -- --minutes 2 --print'))
const { minutes } = options

/** Milliseconds between two good deliveries over connections that stay open, over new ones, and between two troubles. */
const pace = { keepAlive: 8, fresh: 60, trouble: 40 }
const lanes = 16
/** Resident memory may grow by this share between the first third and the last of the troubled time. */
const mostGrowth = 1.1
const mostSlowdown = 3
/** Of the good ones the gateway may turn this share away as `overloaded`: that is no fault, as long as it is rare. */
const mostShed = 0.001
/** Longer than anything that is under way may take. */
const settleTime = 25_000

/** `refused`: the statuses of those that were not accepted; 0: the connection broke. */
interface Latencies { readonly keepAlive: number[], readonly fresh: number[], readonly refused: number[] }

const newLatencies = (): Latencies => ({ keepAlive: [], fresh: [], refused: [] })
const wait = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Runs something at a pace, however long each takes; gives the way to end it, which resolves when all are over. */
function every(milliseconds: number, run: () => Promise<unknown>): () => Promise<void> {
  const underWay = new Set<Promise<unknown>>()
  const timer = setInterval(() => {
    const one = run().finally(() => underWay.delete(one))
    underWay.add(one)
  }, milliseconds)
  return async () => {
    clearInterval(timer)
    await Promise.all(underWay)
  }
}

async function timed(into: Latencies, kind: 'keepAlive' | 'fresh', send: () => Promise<number>): Promise<void> {
  const begun = performance.now()
  const status = await send()
  into[kind].push(performance.now() - begun)
  if (status !== 200) into.refused.push(status)
}

/** Good deliveries for a while; `meanwhile` runs beside them. */
async function deliver(doors: Doors, duration: number, meanwhile: () => () => Promise<void>): Promise<Latencies> {
  const latencies = newLatencies()
  const idle = Array.from({ length: lanes }, () => new Lane(doors.sender))
  const stopKeepAlive = every(pace.keepAlive, async () => {
    const lane = idle.pop() ?? new Lane(doors.sender)
    await timed(latencies, 'keepAlive', () => lane.send(makeRequest('keep-alive')))
    idle.push(lane)
  })
  const stopFresh = every(pace.fresh, () => timed(latencies, 'fresh', () => sendOnce(doors.sender, makeRequest('close'))))
  const stopMeanwhile = meanwhile()
  await wait(duration)
  await Promise.all([stopKeepAlive(), stopFresh()])
  await stopMeanwhile()
  for (const lane of idle) lane.close()
  return latencies
}

/** One kind of trouble after the other, again and again. */
function makeTrouble(doors: Doors, counts: Map<string, number>): () => Promise<void> {
  const kinds = Object.entries(troubles)
  let turn = 0
  return every(pace.trouble, async () => {
    const [name, trouble] = kinds[turn++ % kinds.length] as (typeof kinds)[number]
    counts.set(name, (counts.get(name) ?? 0) + 1)
    await trouble(doors)
  })
}

async function soak(folder: string): Promise<void> {
  const receiver = await startReceiver()
  const certificates = await makeCertificates(join(folder, 'certificates'))
  const site = { folder: join(folder, 'site'), receiverPort: receiver.port, certificates }
  mkdirSync(site.folder)
  const running = await start(sallyport(options.node), site)
  try {
    const doors: Doors = {
      sender: { port: running.port, context: contextOf(certificates, 'sender') },
      stranger: { port: running.port, context: contextOf(certificates, 'stranger') },
    }
    const quietTime = Math.max(20_000, minutes * 6_000)
    say('warming up')
    await deliver(doors, 10_000, () => async () => undefined)
    say(`good deliveries alone, ${quietTime / 1_000} s`)
    const alone = await deliver(doors, quietTime, () => async () => undefined)
    say('settling')
    await wait(settleTime)
    say(`good deliveries among bad ones, ${(minutes * 60_000 - quietTime) / 1_000} s`)
    const before = usageOf(running.pid)
    const samples: Usage[] = []
    const counts = new Map<string, number>()
    const sampling = setInterval(() => { samples.push(usageOf(running.pid)) }, 5_000)
    const telling = setInterval(() => { tell(samples, counts) }, 30_000)
    const troubled = await deliver(doors, minutes * 60_000 - quietTime, () => makeTrouble(doors, counts))
    clearInterval(sampling)
    clearInterval(telling)
    say('settling')
    await wait(settleTime)
    report({ alone, troubled, before, after: usageOf(running.pid), samples, counts, shed: await shedBy(join(site.folder, 'audit.log')) })
  } finally {
    await running.stop()
    receiver.close()
  }
}

const begun = performance.now()

/** Where it has got to, for whoever waits. */
function say(what: string): void {
  console.error(`${String(Math.round((performance.now() - begun) / 1_000)).padStart(5)} s  ${what}`)
}

function tell(samples: readonly Usage[], counts: ReadonlyMap<string, number>): void {
  const { residentMiB, descriptors } = samples.at(-1) ?? { residentMiB: Number.NaN, descriptors: Number.NaN }
  say(`${residentMiB.toFixed(0)} MiB resident, ${descriptors} descriptors, ${[...counts.values()].reduce((sum, count) => sum + count, 0)} troubles begun`)
}

interface Findings {
  readonly alone: Latencies
  readonly troubled: Latencies
  readonly before: Usage
  readonly after: Usage
  readonly samples: readonly Usage[]
  readonly counts: ReadonlyMap<string, number>
  readonly shed: Shed
}

function report({ alone, troubled, before, after, samples, counts, shed }: Findings): void {
  const third = Math.ceil(samples.length / 3)
  const resident = samples.map(({ residentMiB }) => residentMiB)
  const [early, late] = [median(resident.slice(0, third)), median(resident.slice(-third))]
  const refused = [...alone.refused, ...troubled.refused]
  const { explained, unexplained } = told(refused, shed)
  const good = alone.keepAlive.length + alone.fresh.length + troubled.keepAlive.length + troubled.fresh.length
  const slower = (kind: 'keepAlive' | 'fresh'): number => at(troubled[kind], 0.99) / at(alone[kind], 0.99)
  const verdicts: [string, string, boolean][] = [
    ['resident memory, first third → last third', `${early.toFixed(0)} → ${late.toFixed(0)} MiB`, late <= early * mostGrowth],
    ['file descriptors, before → after', `${before.descriptors} → ${after.descriptors}`, after.descriptors <= before.descriptors],
    ['p99 of good deliveries, connection kept, against alone', `${slower('keepAlive').toFixed(2)} ×`, slower('keepAlive') <= mostSlowdown],
    ['p99 of good deliveries, new connection, against alone', `${slower('fresh').toFixed(2)} ×`, slower('fresh') <= mostSlowdown],
    ['good deliveries that were not accepted, and not for load', tellRefused(unexplained), unexplained.length === 0],
    [`good deliveries turned away as overloaded, of ${good}`, tellRefused(explained), explained.length <= good * mostShed],
  ]
  const text = [
    `## Soak: ${minutes} minutes, good among bad, slow, huge and cut-off`,
    `${circumstances()}, ${sallyport(options.node).title}. Good deliveries at a steady pace, ` +
    `${alone.keepAlive.length + alone.fresh.length} alone and ${troubled.keepAlive.length + troubled.fresh.length} among ` +
    `${[...counts.values()].reduce((sum, count) => sum + count, 0)} of ${counts.size} kinds of trouble: ${[...counts.keys()].join(', ')}.`,
    table(['', 'found', 'as wanted'], verdicts.map(([what, found, good]) => [what, found, good ? 'yes' : '**no**'])),
    table(['milliseconds', 'p50 alone', 'p50 among', 'p99 alone', 'p99 among'], (['keepAlive', 'fresh'] as const).map((kind) => [
      kind === 'keepAlive' ? 'connection kept' : 'new connection',
      ...[0.5, 0.99].flatMap((share) => [alone[kind], troubled[kind]].map((one) => at(one, share).toFixed(1))),
    ])),
  ].join('\n\n')
  const passed = verdicts.every(([, , good]) => good)
  console.log(`${text}\n\n${passed ? 'passed' : 'FAILED'}`)
  if (!options.print) writeSection('soak', text)
  if (!passed) process.exitCode = 1
}

/** How often the gateway says that it turned somebody away for load: with an answer, and before the handshake. */
interface Shed { readonly answered: number; readonly dropped: number }

async function shedBy(auditLog: string): Promise<Shed> {
  const shed = { answered: 0, dropped: 0 }
  for await (const line of createInterface({ input: createReadStream(auditLog) })) {
    if (!line.includes('"reason":"overloaded"')) continue
    const { status } = JSON.parse(line) as { readonly status: number }
    shed[status === 0 ? 'dropped' : 'answered'] += 1
  }
  return shed
}

/** The records say how many were turned away for load; as many 503 and broken connections are explained, and no more. */
function told(refused: readonly number[], { answered, dropped }: Shed): { readonly explained: readonly number[]; readonly unexplained: readonly number[] } {
  const left = { answered, dropped }
  const isExplained = refused.map((status) => {
    const kind = status === 503 ? 'answered' : status === 0 ? 'dropped' : undefined
    return kind !== undefined && left[kind]-- > 0
  })
  return { explained: refused.filter((_, at) => isExplained[at]), unexplained: refused.filter((_, at) => !isExplained[at]) }
}

/** How many, and with which status. */
function tellRefused(statuses: readonly number[]): string {
  const kinds = [...new Set(statuses)].map((status) => `${statuses.filter((one) => one === status).length} × ${status === 0 ? 'broken off' : status}`)
  return kinds.length === 0 ? '0' : `${statuses.length} (${kinds.join(', ')})`
}

function at(latencies: readonly number[], share: number): number {
  const sorted = [...latencies].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

spawnSync('taskset', ['-a', '-p', '-c', String(outsideCore), String(process.pid)])
const folder = mkdtempSync(join(tmpdir(), 'sallyport-soak-'))
try {
  await soak(folder)
} finally {
  rmSync(folder, { recursive: true })
}
