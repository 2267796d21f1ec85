/**
 * One worker beside two, in one run: what a delivery costs, and how many a second. `npm run bench:workers -- --help`.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { makeCertificates } from './certificates.ts'
import { keepAliveLoad, newConnectionLoad, type LoadResult } from './load.ts'
import { usageOf } from './processes.ts'
import { startReceiver } from './receiver.ts'
import { circumstances, median, table, writeSection } from './results.ts'
import { contextOf, type Door } from './sender.ts'
import { sallyport } from './subjects/node.ts'
import { gatewayCore, outsideCore, start, type Running } from './subjects/subject.ts'

const help = `npm run bench:workers -- [options]
  --rounds 12           pairs of short stretches, in turns; medians are reported
  --deliveries 2000     a stretch, over connections that stay open; a tenth of it over new connections
  --connections 32      at the same time
  --node PATH           the Node binary under the gateways
  --print               print only; leave bench/RESULTS.md alone`

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '12' }, deliveries: { type: 'string', default: '2000' }, connections: { type: 'string', default: '32' },
    node: { type: 'string', default: process.execPath }, print: { type: 'boolean', default: false }, help: { type: 'boolean', default: false },
  },
})

const sizes = [1, 2] as const
const connections = Number(options.connections)
const deliveries = Number(options.deliveries)

/** The forms of load, from the one that shares connections and turns among deliveries to the one that shares nothing. */
const forms = {
  'connections that stay open': (door: Door) => keepAliveLoad(door, deliveries, connections),
  'one delivery at a time': (door: Door) => keepAliveLoad(door, Math.ceil(deliveries / 4), 1),
  'a new connection each': (door: Door) => newConnectionLoad(door, Math.ceil(deliveries / 10), connections / 2),
} as const
type Form = keyof typeof forms
const names = Object.keys(forms) as Form[]

/** Stretches in which not everything was accepted; more of them than this end the run. */
let thrownAway = 0
const mostThrownAway = 10

interface Sample { readonly cpu: number; readonly rate: number; readonly p50: number; readonly p99: number; readonly resident: number }
type Samples = Record<Form, Sample[]>

interface Gateway { readonly running: Running; readonly door: Door; readonly samples: Samples; readonly free: Samples }

async function main(): Promise<void> {
  if (options.help) return console.log(help)
  spawnSync('taskset', ['-a', '-p', '-c', String(outsideCore), String(process.pid)])
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-workers-'))
  const receiver = await startReceiver()
  const certificates = await makeCertificates(join(folder, 'certificates'))
  const gateways: Gateway[] = []
  try {
    for (const workers of sizes) {
      const own = join(folder, String(workers))
      mkdirSync(own)
      const running = await start(sallyport(options.node, { workers }), { folder: own, receiverPort: receiver.port, certificates })
      gateways.push({ running, door: { port: running.port, context: contextOf(certificates, 'sender') }, samples: nothing(), free: nothing() })
    }
    // As much a worker, for each of them compiles what it runs.
    for (const [at, { door }] of gateways.entries()) {
      await keepAliveLoad(door, 15_000 * (sizes[at] ?? 1), connections)
      await newConnectionLoad(door, 200 * (sizes[at] ?? 1), connections / 2)
    }
    for (let round = 0; round < Number(options.rounds); round += 1) await measure(round, gateways)
    const report = describe(gateways)
    console.log(`\n${report}`)
    if (!options.print) writeSection('workers', report)
  } finally {
    await Promise.all(gateways.map(({ running }) => running.stop()))
    receiver.close()
    rmSync(folder, { recursive: true })
  }
}

/** Both gateways live all the time and take turns, so that whatever else the machine does falls on both. */
async function measure(round: number, gateways: readonly Gateway[]): Promise<void> {
  const order = round % 2 === 0 ? gateways : [...gateways].reverse()
  for (const form of names) {
    for (const gateway of order) gateway.samples[form].push(await accounted(gateway, forms[form]))
    const ratios = gateways.map(({ samples }) => samples[form].at(-1)?.cpu ?? Number.NaN)
    console.error(`round ${round + 1}  ${form.padEnd(28)} ${ratios.map((cpu) => cpu.toFixed(0)).join(' → ')} µs`)
  }
  if (round % 4 !== 0) return
  for (const { running } of gateways) place(running.pid, `0-${cpus().length - 1}`)
  for (const gateway of order) gateway.free[names[0] as Form].push(await accounted(gateway, forms[names[0] as Form]))
  for (const { running } of gateways) place(running.pid, String(gatewayCore))
}

async function accounted({ running, door }: Pick<Gateway, 'running' | 'door'>, load: (door: Door) => Promise<LoadResult>): Promise<Sample> {
  const before = usageOf(running.pid).cpuMicroseconds
  const { accepted, other, seconds, p50, p99 } = await load(door)
  const after = usageOf(running.pid)
  // Where others take the core for long, a gateway sheds load (`overloaded`), and the stretch says nothing of its cost.
  if (other > 0) {
    thrownAway++
    if (thrownAway > mostThrownAway) throw new Error(`${other} of ${accepted + other} were not accepted: this machine has too much else to do`)
    return await accounted({ running, door }, load)
  }
  return { cpu: (after.cpuMicroseconds - before) / accepted, rate: accepted / seconds, p50, p99, resident: after.residentMiB }
}

/** Puts a gateway, all its processes and threads, on these cores. */
function place(pid: number, cores: string): void {
  for (const one of usageOf(pid).pids) spawnSync('taskset', ['-a', '-p', '-c', cores, String(one)])
}

function nothing(): Samples {
  return { 'connections that stay open': [], 'one delivery at a time': [], 'a new connection each': [] }
}

function describe(gateways: readonly Gateway[]): string {
  const middle = (samples: readonly Sample[], of: keyof Sample): number => median(samples.map((sample) => sample[of]))
  const ratio = (form: Form): number => {
    const [one, two] = gateways.map(({ samples }) => samples[form].map(({ cpu }) => cpu))
    return median((two ?? []).map((cpu, at) => cpu / ((one ?? [])[at] ?? Number.NaN)))
  }
  const free = (of: 'rate' | 'cpu'): number[] => gateways.map((gateway) => middle(gateway.free[names[0] as Form], of))
  const row = (form: Form): string[] => [
    form, ...gateways.map(({ samples }) => middle(samples[form], 'cpu').toFixed(0)), ratio(form).toFixed(2),
    ...gateways.map(({ samples }) => middle(samples[form], 'rate').toFixed(0)), ...gateways.map(({ samples }) => middle(samples[form], 'p99').toFixed(1)),
  ]
  const [[one = 0, two = 0], [cheap = 0, dear = 0]] = [free('rate'), free('cpu')]
  return [
    '## Two workers beside one',
    `${circumstances()}, Node ${nodeVersion()}. Medians of ${options.rounds} pairs of short stretches, both gateways alive and asked in turns, the ratio that of each pair; CPU over all processes of ` +
    'the gateway, all on core 0; senders and the receiver on core 1. Wanted: a ratio of at most 1.10.',
    table(['', 'CPU µs, 1 worker', '2 workers', 'ratio', 'a second, 1', '2', 'p99 ms, 1', '2'], names.map(row)),
    `Stretches thrown away, for the machine kept a gateway waiting until it shed load: ${thrownAway}. Resident: ${gateways.map(({ samples }) => middle(samples[names[0] as Form], 'resident').toFixed(0)).join(' and ')} MiB. ` +
    `Throughput: with the gateway free on all ${cpus().length} cores, senders and receiver on one of them, two workers carried ${two.toFixed(0)} deliveries a second ` +
    `where one carried ${one.toFixed(0)}: ${(two / one).toFixed(2)} ×, at ${dear.toFixed(0)} µs of CPU a delivery where one took ${cheap.toFixed(0)}: ${(dear / cheap).toFixed(2)} ×. ${cpus().length > 2 ? '' : 'The load generator needs a core of its own here, so the second worker has none: 1.7 × cannot be seen on two cores.'}`,
  ].join('\n\n')
}

function nodeVersion(): string {
  return spawnSync(options.node, ['--version'], { encoding: 'utf8' }).stdout.trim().slice(1)
}

await main()
