import { execFileSync, fork, spawn, type ChildProcess } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import type { Nonce, NonceStore } from '../src/core/nonce.ts'
import { plainStore } from '../src/core/store-plan.ts'
import { openStore } from '../src/nonces/open.ts'
import { shareDirectory } from '../src/nonces/file.ts'
import { joinDirectory } from '../src/nonces/shared.ts'
import { systemWorld } from '../src/world.ts'
import { count, optionsOf } from './options.ts'
import { circumstances, median, table, writeSection } from './results.ts'

/**
 * What claim and commit cost in each store, with 1, 32 and 256 deliveries in flight. CPU time of this process, and beside it that of the
 * process which is asked; the latency is that of claim and commit together. `npm run bench:stores -- --help`.
 */
const options = optionsOf<{ readonly rounds: number; readonly deliveries: number; readonly print?: true }>(new Command('npm run bench:stores --')
  .description('What claim and commit of a delivery cost in each nonce store; written into bench/RESULTS.md. Wants redis-server.')
  .option('--rounds <n>', 'how often everything is measured; medians are reported', count, 3)
  .option('--deliveries <n>', 'a round, of each store; a third of it where one is alone in flight', count, 60_000)
  .option('--print', 'print only; leave bench/RESULTS.md alone')
  .addHelpText('after', '\nExamples:\n  npm run bench:stores\n  npm run bench:stores -- --rounds 1 --deliveries 3000 --print'))
const widths = [1, 32, 256]
const peer = fileURLToPath(new URL('stores-peer.js', import.meta.url))

/** A store, and the CPU time in microseconds of whoever it asks. */
interface Subject { readonly name: string; readonly store: NonceStore; readonly others: () => Promise<number>; readonly end: () => Promise<void> }

interface Figures { readonly own: number; readonly others: number; readonly p50: number; readonly p99: number; readonly rate: number }

const directory = mkdtempSync(join(tmpdir(), 'sallyport-stores-'))
try {
  await main()
} finally {
  rmSync(directory, { recursive: true, force: true })
}

async function main(): Promise<void> {
  const figures = new Map<string, Figures[][]>()
  for (let round = 0; round < options.rounds; round++) {
    for (const make of [memory, file, shared, redis]) {
      const subject = await make(round)
      const rows = figures.get(subject.name) ?? widths.map(() => [])
      figures.set(subject.name, rows)
      try {
        for (const [at, width] of widths.entries()) rows[at]?.push(await measure(subject, width))
      } finally {
        await subject.end()
      }
      console.error(`round ${round + 1} of ${options.rounds}  ${subject.name.padEnd(31)} ${rows.map((found) => found.at(-1)?.own.toFixed(1)).join(' · ')} µs`)
    }
  }
  const markdown = report(figures)
  process.stdout.write(`${markdown}\n`)
  if (!options.print) writeSection('stores', markdown)
}

async function measure(subject: Subject, width: number): Promise<Figures> {
  await run(subject, width, Math.ceil(options.deliveries / 12))
  return await run(subject, width, width === 1 ? Math.ceil(options.deliveries / 3) : options.deliveries)
}

async function run({ store, others }: Subject, width: number, deliveries: number): Promise<Figures> {
  const keys = randomFillSync(Buffer.alloc(deliveries * 16))
  const times = new Float64Array(deliveries)
  let next = 0
  const otherBefore = await others()
  const before = process.cpuUsage()
  const started = performance.now()
  await Promise.all(Array.from({ length: width }, async () => {
    for (let at = next++; at < deliveries; at = next++) {
      const key = keys.subarray(at * 16, at * 16 + 16)
      const begun = performance.now()
      await accept(store, { key, print: key, passesUntil: undefined })
      times[at] = performance.now() - begun
    }
  }))
  const wall = performance.now() - started
  const { user, system } = process.cpuUsage(before)
  times.sort()
  const share = (part: number): number => (times[Math.floor(deliveries * part)] ?? NaN) * 1_000
  return {
    own: (user + system) / deliveries, others: (await others() - otherBefore) / deliveries,
    p50: share(0.5), p99: share(0.99), rate: deliveries / wall * 1_000,
  }
}

async function accept(store: NonceStore, nonce: Nonce): Promise<void> {
  const claiming = store.claim(nonce, 60_000)
  const claim = claiming instanceof Promise ? await claiming : claiming
  if (claim.state !== 'claimed') throw new Error(claim.state)
  const committing = claim.commit({ status: 200, until: Date.now() + 600_000 })
  if (!(committing instanceof Promise ? await committing : committing)) throw new Error('the lease was lost')
}

async function open(url: string): Promise<NonceStore> {
  const opened = await openStore({ ...plainStore(url), timeout: 10_000 }, systemWorld)
  if ('problem' in opened) throw new Error(opened.problem.what)
  return opened.store
}

function nobody(): Promise<number> {
  return Promise.resolve(0)
}

async function memory(): Promise<Subject> {
  const store = await open('memory:')
  return { name: '`memory:`', store, others: nobody, end: () => store.close() }
}

async function file(round: number): Promise<Subject> {
  const store = await open(`file:${join(directory, `file${round}`)}`)
  return { name: '`file:`', store, others: nobody, end: () => store.close() }
}

/** `file:` as one of two workers has it; the other one reads what this one writes. */
async function shared(round: number): Promise<Subject> {
  const path = join(directory, `shared${round}`)
  const taken = await shareDirectory(path, systemWorld)
  const child = fork(peer, [path, taken.run])
  await once(child, 'message')
  const store = joinDirectory(path, taken.run, systemWorld)
  const others = async (): Promise<number> => {
    child.send('cpu')
    return Number((await once(child, 'message'))[0])
  }
  return { name: '`file:`, one of two workers', store, others, end: async () => { await store.close(); await die(child); await taken.close() } }
}

async function redis(): Promise<Subject> {
  const port = '7393'
  const child = spawn('redis-server', ['--port', port, '--bind', '127.0.0.1', '--save', '', '--dir', directory], { stdio: 'ignore' })
  const ask = (...words: string[]): string => execFileSync('redis-cli', ['-p', port, ...words], { encoding: 'utf8', stdio: 'pipe' })
  for (let up = false; !up;) up = attempt(() => ask('PING'))
  const store = await open(`redis://127.0.0.1:${port}`)
  const seconds = (): number => [...ask('INFO', 'cpu').matchAll(/^used_cpu_(?:sys|user):([\d.]+)/gm)].reduce((sum, found) => sum + Number(found[1]), 0)
  return { name: '`redis://` on this machine', store, others: () => Promise.resolve(seconds() * 1e6), end: async () => { await store.close(); await die(child) } }
}

function attempt(run: () => unknown): boolean {
  try {
    run()
    return true
  } catch {
    return false
  }
}

async function die(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  await once(child, 'exit')
}

function report(figures: ReadonlyMap<string, Figures[][]>): string {
  const rows = [...figures].flatMap(([name, widthsOf]) => widthsOf.map((found, at) => {
    const middle = (pick: keyof Figures): number => median(found.map((figure) => figure[pick]))
    return [name, String(widths[at]), middle('own').toFixed(1), middle('others').toFixed(1), middle('p50').toFixed(0), middle('p99').toFixed(0), Math.round(middle('rate')).toLocaleString('en')]
  }))
  const head = ['store', 'in flight', 'CPU µs', 'of who is asked', 'p50 µs', 'p99 µs', 'a second']
  return `## Nonce stores: claim and commit of one delivery\n\n${circumstances()}, Node ${process.versions.node}; medians of ${options.rounds} rounds.\n` +
    `Alone in flight, nothing is shared among deliveries; Redis's commands of one turn share their system calls. Who is asked, in the case of workers, is the other one, which reads along.\n\n${table(head, rows)}`
}
