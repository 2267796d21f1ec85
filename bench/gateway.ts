/**
 * Sallyport beside nginx + Lua, HAProxy, Caddy and bare Node, in one run on one machine, doing as much of the same work
 * as each can. `npm run bench -- --help` tells the options.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { makeCertificates } from './certificates.ts'
import { longReport, shortReport, type Measured, type Sample } from './gateway-report.ts'
import { keepAliveLoad, newConnectionLoad, type LoadResult } from './load.ts'
import { count, namesOf, optionsOf } from './options.ts'
import { usageOf } from './processes.ts'
import { startReceiver, type CountingReceiver } from './receiver.ts'
import { writeSection } from './results.ts'
import { contextOf, type Door } from './sender.ts'
import { caddy } from './subjects/caddy.ts'
import { haproxy } from './subjects/haproxy.ts'
import { nginx } from './subjects/nginx.ts'
import { bareNode, sallyport } from './subjects/node.ts'
import { outsideCore, start, type Running, type Subject } from './subjects/subject.ts'
import { tryQuestions } from './trial.ts'

interface Options {
  readonly only?: readonly string[]
  readonly rounds: number
  readonly deliveries: number
  readonly connections: number
  readonly node?: readonly string[]
  readonly long?: true
  readonly against?: string
  readonly print?: true
}

const options = optionsOf<Options>(new Command('npm run bench --')
  .description('Sallyport beside nginx + Lua, HAProxy, Caddy and bare Node, in one run on this machine; written into bench/RESULTS.md.')
  .option('--only <names>', 'only these of: nginx,haproxy,caddy,bare,sallyport', namesOf(['nginx', 'haproxy', 'caddy', 'bare', 'sallyport']))
  .option('--rounds <n>', 'how often everything is measured; medians are reported', count, 3)
  .option('--deliveries <n>', 'a round, over connections that stay open; a twelfth of it over new connections', count, 20_000)
  .option('--connections <n>', 'at the same time', count, 32)
  .option('--node <path>', 'the Node binary under Sallyport and bare Node; may be given several times', (one, all: readonly string[] = []) => [...all, one])
  .option('--long', '200,000 deliveries over connections that stay open, and how memory grows meanwhile')
  .option('--against <path>', 'another build\'s dist/main.js beside ours (bench/compare.sh)')
  .option('--print', 'print only; leave bench/RESULTS.md alone')
  .addHelpText('after', '\nExamples:\n  npm run bench\n  npm run bench -- --only nginx,sallyport --rounds 1 --deliveries 2000 --print'))
const { connections, node: nodes = [process.execPath] } = options

interface Scene { readonly folder: string, readonly receiver: CountingReceiver, readonly certificates: Awaited<ReturnType<typeof makeCertificates>> }

async function main(): Promise<void> {
  spawnSync('taskset', ['-a', '-p', '-c', String(outsideCore), String(process.pid)])
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-bench-'))
  const receiver = await startReceiver()
  try {
    const scene = { folder, receiver, certificates: await makeCertificates(join(folder, 'certificates')) }
    const report = options.long ? await measureLong(scene) : await measureRounds(scene)
    console.log(`\n${report}`)
    if (!options.print) writeSection(options.long ? 'gateway, 200,000 deliveries' : 'gateway', report)
  } finally {
    receiver.close()
    rmSync(folder, { recursive: true })
  }
}

/** Those that are asked for and installed; a line for each that is not. */
function presentSubjects(): Subject[] {
  const { against, only } = options
  const ours = (node: string): Subject[] => [bareNode(node), ...(against === undefined ? [] : [sallyport(node, { main: against })]), sallyport(node)]
  const all = [nginx, haproxy, caddy, ...nodes.flatMap(ours)]
  const chosen = all.filter(({ key }) => only === undefined || only.includes(key))
  return chosen.filter((subject) => {
    if (subject.version() !== undefined) return true
    console.error(`${subject.title} is left out: it is not here. To have it: ${subject.install}`)
    return false
  })
}

async function measureRounds(scene: Scene): Promise<string> {
  const subjects = presentSubjects()
  const measured = new Map<Subject, Measured>(subjects.map((subject) => [subject, { subject, faults: [], keepAlive: [], fresh: [] }]))
  for (let round = 0; round < options.rounds; round += 1) {
    const shift = round % subjects.length
    for (const subject of [...subjects.slice(shift), ...subjects.slice(0, shift)]) {
      const into = measured.get(subject) as Measured
      console.error(`round ${round + 1}  ${subject.title} …`)
      await withRunning(subject, scene, (stage) => measureOnce(stage, into), into)
      console.error(`round ${round + 1}  ${subject.title.padEnd(20)} ${brief(into.keepAlive.at(-1))}   ${brief(into.fresh.at(-1))}`)
    }
  }
  return shortReport([...measured.values()], { rounds: options.rounds, deliveries: options.deliveries, connections })
}

/** A subject that runs, the way to it, and the receiver behind it. */
interface Stage { readonly running: Running, readonly door: Door, readonly receiver: CountingReceiver }

async function measureOnce(stage: Stage, into: Measured): Promise<void> {
  const { door } = stage
  const { deliveries } = options
  const few = Math.ceil(deliveries / 12)
  // Twice the count: what compiles as it runs is to be warm.
  await keepAliveLoad(door, 2 * deliveries, connections)
  into.keepAlive.push(await accounted(stage, () => keepAliveLoad(door, deliveries, connections)))
  await newConnectionLoad(door, 2 * few, connections / 2)
  into.fresh.push(await accounted(stage, () => newConnectionLoad(door, few, connections / 2)))
}

async function accounted({ running, receiver }: Stage, load: () => Promise<LoadResult>): Promise<Sample> {
  const before = usageOf(running.pid)
  const received = receiver.count()
  const result = await load()
  const after = usageOf(running.pid)
  const missing = result.accepted - (receiver.count() - received)
  if (result.accepted === 0 || missing !== 0) throw new Error(`${result.accepted} accepted, of which the receiver missed ${missing}`)
  return {
    ...result, cpuMicroseconds: (after.cpuMicroseconds - before.cpuMicroseconds) / (result.accepted + result.other),
    residentMiB: after.residentMiB, peakMiB: after.peakMiB, descriptors: after.descriptors,
  }
}

async function measureLong(scene: Scene): Promise<string> {
  const total = Math.max(options.deliveries, 200_000)
  const rows: { subject: Subject, samples: Sample[] }[] = []
  for (const subject of presentSubjects()) {
    const samples: Sample[] = []
    await withRunning(subject, scene, async (stage) => {
      for (let part = 0; part < 10; part += 1) samples.push(await accounted(stage, () => keepAliveLoad(stage.door, total / 10, connections)))
    }, { faults: [] })
    console.error(`${subject.title.padEnd(20)} ${samples.map(({ residentMiB }) => residentMiB.toFixed(0)).join(' ')} MiB`)
    rows.push({ subject, samples })
  }
  return longReport(rows, total)
}

async function withRunning(
  subject: Subject, scene: Scene, measure: (stage: Stage) => Promise<void>, into: { faults: string[] },
): Promise<void> {
  const folder = join(scene.folder, `${subject.key}-${Date.now()}`)
  mkdirSync(folder)
  const running = await start(subject, { folder, receiverPort: scene.receiver.port, certificates: scene.certificates })
  try {
    const door = { port: running.port, context: contextOf(scene.certificates, 'sender') }
    const stranger = { port: running.port, context: contextOf(scene.certificates, 'stranger') }
    into.faults.push(...await tryQuestions(subject, { sender: door, stranger }, scene.receiver))
    await measure({ running, door, receiver: scene.receiver })
  } finally {
    await running.stop()
  }
}

function brief(sample: Sample | undefined): string {
  if (sample === undefined) return 'nothing'
  const { cpuMicroseconds, accepted, seconds, residentMiB, other } = sample
  return `${cpuMicroseconds.toFixed(0)} µs, ${(accepted / seconds).toFixed(0)}/s, ${residentMiB.toFixed(0)} MiB${other > 0 ? `, ${other} REFUSED` : ''}`
}

await main()
