/**
 * One worker beside two, in one run: what a delivery costs, and how many a second. Beside them two gateways of one worker each, which share
 * nothing but the core: what two processes cost that need not agree on anything. `npm run bench:workers -- --help`.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { makeCertificates } from './certificates.ts'
import { keepAliveLoad, Lanes, newConnectionLoad, type LoadResult } from './load.ts'
import { count, optionsOf } from './options.ts'
import { usageOf, type Usage } from './processes.ts'
import { startReceiver } from './receiver.ts'
import { circumstances, median, table, writeSection } from './results.ts'
import { contextOf, type Door } from './sender.ts'
import { sallyport } from './subjects/node.ts'
import { gatewayCore, outsideCore, start, type Running } from './subjects/subject.ts'

interface Options {
  readonly rounds: number
  readonly deliveries: number
  readonly connections: number
  readonly node: string
  readonly print?: true
}

const options = optionsOf<Options>(new Command('npm run bench:workers --')
  .description('One worker beside two, and beside two gateways of one worker each; written into bench/RESULTS.md.')
  .option('--rounds <n>', 'short stretches of each, in turns; medians are reported', count, 12)
  .option('--deliveries <n>', 'a stretch, over connections that stay open; a tenth of it over new connections', count, 2_000)
  .option('--connections <n>', 'at the same time, and four times as many', count, 32)
  .option('--node <path>', 'the Node binary under the gateways', process.execPath)
  .option('--print', 'print only; leave bench/RESULTS.md alone')
  .addHelpText('after', '\nExamples:\n  npm run bench:workers\n  npm run bench:workers -- --rounds 1 --deliveries 400 --print'))
const { connections, deliveries } = options

/** What is measured: the workers of each gateway of it. The first is what the others are compared with. */
const subjects = { '1 worker': [1], '2 workers': [2], '2 gateways': [1, 1] } as const
type Name = keyof typeof subjects
/** A load for a gateway, made ready. */
interface Load { readonly run: () => Promise<LoadResult>; readonly close: () => void }

/** The forms of load, from the one that shares connections and turns among deliveries to the one that shares nothing; a share of it for each gateway. */
const forms = {
  'connections that stay open': (door: Door, share: number) => kept(door, deliveries * share, connections * share),
  'four times as many that stay open': (door: Door, share: number) => kept(door, deliveries * share, 4 * connections * share),
  'one delivery at a time': (door: Door, share: number) => kept(door, Math.ceil(deliveries / 4 * share), 1),
  'a new connection each': (door: Door, share: number) => Promise.resolve({
    run: () => newConnectionLoad(door, Math.ceil(deliveries / 10 * share), connections / 2 * share), close: () => undefined,
  }),
} as const satisfies Record<string, (door: Door, share: number) => Promise<Load>>
type Form = keyof typeof forms
const names = Object.keys(forms) as readonly Form[]
/** The one in which the gateways are also let loose on all cores. */
const freeForm: Form = 'connections that stay open'

async function kept(door: Door, count: number, connections: number): Promise<Load> {
  const lanes = await Lanes.open(door, connections)
  return { run: () => lanes.send(count), close: () => lanes.close() }
}

/** Stretches in which not everything was accepted; more of them than this end the run. */
let thrownAway = 0
const mostThrownAway = 10

interface Sample { readonly cpu: number; readonly rate: number; readonly p50: number; readonly p99: number; readonly resident: number }
type Samples = Record<Form, Sample[]>

interface Member { readonly running: Running; readonly door: Door }
interface Subject { readonly name: Name; readonly members: readonly Member[]; readonly samples: Samples; readonly free: Sample[] }

async function main(): Promise<void> {
  spawnSync('taskset', ['-a', '-p', '-c', String(outsideCore), String(process.pid)])
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-workers-'))
  const receiver = await startReceiver()
  const certificates = await makeCertificates(join(folder, 'certificates'))
  const all: Subject[] = []
  try {
    for (const name of Object.keys(subjects) as Name[]) {
      const members: Member[] = []
      all.push({ name, members, samples: nothing(), free: [] })
      for (const [at, workers] of subjects[name].entries()) {
        const own = join(folder, `${name} ${at}`.replaceAll(' ', '-'))
        mkdirSync(own)
        const running = await start(sallyport(options.node, { workers }), { folder: own, receiverPort: receiver.port, certificates })
        members.push({ running, door: { port: running.port, context: contextOf(certificates, 'sender') } })
      }
    }
    // As much a worker, for each of them compiles what it runs.
    for (const { name, members } of all) {
      console.error(`warming up ${name}`)
      for (const [at, { door }] of members.entries()) {
        await keepAliveLoad(door, Math.min(15_000, 8 * deliveries) * (subjects[name][at] ?? 1), connections)
        await newConnectionLoad(door, 200 * (subjects[name][at] ?? 1), connections / 2)
      }
    }
    for (let round = 0; round < options.rounds; round += 1) await measure(round, all)
    const report = describe(all)
    console.log(`\n${report}`)
    if (!options.print) writeSection('workers', report)
  } finally {
    await Promise.all(all.flatMap(({ members }) => members.map(({ running }) => running.stop())))
    receiver.close()
    rmSync(folder, { recursive: true })
  }
}

/** All of them live all the time and take turns, so that whatever else the machine does falls on all. */
async function measure(round: number, all: readonly Subject[]): Promise<void> {
  const order = round % 2 === 0 ? all : [...all].reverse()
  for (const form of names) {
    for (const subject of order) subject.samples[form].push(await accounted(subject, form))
    const costs = all.map(({ samples }) => samples[form].at(-1)?.cpu ?? Number.NaN)
    console.error(`round ${round + 1}  ${form.padEnd(33)} ${costs.map((cpu) => cpu.toFixed(0)).join(' · ')} µs`)
  }
  if (round % 4 !== 0) return
  const running = all.flatMap(({ members }) => members.map((member) => member.running))
  for (const { pid } of running) place(pid, `0-${cpus().length - 1}`)
  for (const subject of order) subject.free.push(await accounted(subject, freeForm))
  for (const { pid } of running) place(pid, String(gatewayCore))
}

async function accounted(subject: Pick<Subject, 'members'>, form: Form): Promise<Sample> {
  const { members } = subject
  const usages = (): Usage[] => members.map(({ running }) => usageOf(running.pid))
  const loads = await Promise.all(members.map(({ door }) => forms[form](door, 1 / members.length)))
  const before = sum(usages(), ({ cpuMicroseconds }) => cpuMicroseconds)
  const results = await Promise.all(loads.map((load) => load.run()))
  const after = usages()
  for (const load of loads) load.close()
  const [accepted, other] = [sum(results, (result) => result.accepted), sum(results, (result) => result.other)]
  // Where others take the core for long, a gateway sheds load (`overloaded`), and the stretch says nothing of its cost.
  if (other > 0) {
    thrownAway++
    if (thrownAway > mostThrownAway) throw new Error(`${other} of ${accepted + other} were not accepted: this machine has too much else to do`)
    return await accounted(subject, form)
  }
  const worst = (of: 'seconds' | 'p50' | 'p99'): number => Math.max(...results.map((result) => result[of]))
  return {
    cpu: (sum(after, ({ cpuMicroseconds }) => cpuMicroseconds) - before) / accepted, rate: accepted / worst('seconds'), p50: worst('p50'), p99: worst('p99'),
    resident: sum(after, ({ residentMiB }) => residentMiB),
  }
}

function sum<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((total, one) => total + of(one), 0)
}

/** Puts a gateway, all its processes and threads, on these cores. */
function place(pid: number, cores: string): void {
  for (const one of usageOf(pid).pids) spawnSync('taskset', ['-a', '-p', '-c', cores, String(one)])
}

function nothing(): Samples {
  return Object.fromEntries(names.map((form) => [form, []])) as unknown as Samples
}

function describe(all: readonly Subject[]): string {
  const middle = (samples: readonly Sample[], of: keyof Sample): number => median(samples.map((sample) => sample[of]))
  const ratio = (at: number, to: number, form: Form): string => {
    const [these, those] = [all[at], all[to]].map((subject) => (subject?.samples[form] ?? []).map(({ cpu }) => cpu))
    return median((these ?? []).map((cpu, nth) => cpu / ((those ?? [])[nth] ?? Number.NaN))).toFixed(2)
  }
  const columns = (form: Form, of: keyof Sample, digits: number): string[] => all.map(({ samples }) => middle(samples[form], of).toFixed(digits))
  const row = (form: Form): string[] => [form, ...columns(form, 'cpu', 0), ratio(1, 0, form), ratio(1, 2, form), ...columns(form, 'rate', 0), ...columns(form, 'p99', 1)]
  const free = (of: 'rate' | 'cpu'): number[] => all.map((subject) => middle(subject.free, of))
  const [[one = 0, two = 0], [cheap = 0, dear = 0]] = [free('rate'), free('cpu')]
  const labelled = (what: string): string[] => all.map(({ name }, at) => (at === 0 ? `${what}, ${name}` : name))
  return [
    '## Two workers beside one',
    `${circumstances()}, Node ${nodeVersion()}. Medians of ${options.rounds} rounds of short stretches, all gateways alive and asked in turns, the ratios those of each round; CPU over all processes, ` +
    'all on core 0; senders and the receiver on core 1. Wanted: two workers at most 1.10 times one. The two gateways of one worker each agree on nothing and share the core alone: ' +
    'what they cost beside one is the price of two processes on a core, and what two workers cost beside them is the price of agreeing.',
    table(['', ...labelled('CPU µs'), '2 workers to 1', 'to 2 gateways', ...labelled('a second'), ...labelled('p99 ms')], names.map(row)),
    `Stretches thrown away, for the machine kept a gateway waiting until it shed load: ${thrownAway}. Resident: ${all.map(({ samples }) => middle(samples[freeForm], 'resident').toFixed(0)).join(', ')} MiB. ` +
    `Throughput: with the gateways free on all ${cpus().length} cores, senders and receiver on one of them, two workers carried ${two.toFixed(0)} deliveries a second ` +
    `where one carried ${one.toFixed(0)}: ${(two / one).toFixed(2)} ×, at ${dear.toFixed(0)} µs of CPU a delivery where one took ${cheap.toFixed(0)}: ${(dear / cheap).toFixed(2)} ×. ${cpus().length > 2 ? '' : 'The load generator needs a core of its own here, so the second worker has none: 1.7 × cannot be seen on two cores.'}`,
  ].join('\n\n')
}

function nodeVersion(): string {
  return spawnSync(options.node, ['--version'], { encoding: 'utf8' }).stdout.trim().slice(1)
}

await main()
