import { execFileSync, fork, spawn, type ChildProcess } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Nonce, NonceStore } from '../src/core/nonce.ts'
import { plainStore } from '../src/core/store-plan.ts'
import { openStore } from '../src/nonces/open.ts'
import { shareDirectory } from '../src/nonces/file.ts'
import { joinDirectory } from '../src/nonces/shared.ts'
import { systemWorld } from '../src/world.ts'
import { circumstances, median, table, writeSection } from './results.ts'

/**
 * What claim and commit cost in each store, with 1, 32 and 256 deliveries in flight: `node build/bench/stores.js`. CPU time of
 * this process, and beside it that of the process which is asked; the latency is that of claim and commit together.
 */
const rounds = 3
const widths = [1, 32, 256]
const other = '--other'

/** A store, and the CPU time in microseconds of whoever it asks. */
interface Subject { readonly name: string; readonly store: NonceStore; readonly others: () => Promise<number>; readonly end: () => Promise<void> }

interface Figures { readonly own: number; readonly others: number; readonly p50: number; readonly p99: number; readonly rate: number }

const directory = mkdtempSync(join(tmpdir(), 'sallyport-stores-'))
if (process.argv[2] === other) await follow(process.argv[3] ?? '', process.argv[4] ?? '')
else await main()

async function main(): Promise<void> {
  const figures = new Map<string, Figures[][]>()
  for (let round = 0; round < rounds; round++) {
    for (const make of [memory, file, shared, redis]) {
      const subject = await make(round)
      for (const [at, width] of widths.entries()) {
        await run(subject, width, 5_000)
        const rows = figures.get(subject.name) ?? widths.map(() => [])
        figures.set(subject.name, rows)
        rows[at]?.push(await run(subject, width, width === 1 ? 20_000 : 60_000))
      }
      await subject.end()
    }
  }
  rmSync(directory, { recursive: true, force: true })
  const markdown = report(figures)
  process.stdout.write(`${markdown}\n`)
  writeSection('stores', markdown)
}

async function run({ store, others }: Subject, width: number, count: number): Promise<Figures> {
  const keys = randomFillSync(Buffer.alloc(count * 16))
  const times = new Float64Array(count)
  let next = 0
  const otherBefore = await others()
  const before = process.cpuUsage()
  const started = performance.now()
  await Promise.all(Array.from({ length: width }, async () => {
    for (let at = next++; at < count; at = next++) {
      const key = keys.subarray(at * 16, at * 16 + 16)
      const begun = performance.now()
      await accept(store, { key, print: key, passesUntil: undefined })
      times[at] = performance.now() - begun
    }
  }))
  const wall = performance.now() - started
  const { user, system } = process.cpuUsage(before)
  times.sort()
  const share = (part: number): number => (times[Math.floor(count * part)] ?? NaN) * 1_000
  return {
    own: (user + system) / count, others: (await others() - otherBefore) / count,
    p50: share(0.5), p99: share(0.99), rate: count / wall * 1_000,
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
  const child = fork(fileURLToPath(import.meta.url), [other, path, taken.run])
  await once(child, 'message')
  const store = joinDirectory(path, taken.run, systemWorld)
  const others = async (): Promise<number> => {
    child.send('cpu')
    return Number((await once(child, 'message'))[0])
  }
  return { name: '`file:`, one of two workers', store, others, end: async () => { await store.close(); await die(child); await taken.close() } }
}

/** The other worker, which has nothing to do of its own; says its CPU time when asked. */
async function follow(path: string, run: string): Promise<void> {
  const store = joinDirectory(path, run, systemWorld)
  process.on('message', () => {
    void Promise.resolve(store.claim({ key: Buffer.alloc(16), print: Buffer.alloc(16), passesUntil: undefined }, 1)).then((claim) => {
      if (claim.state === 'claimed') void claim.release()
      const { user, system } = process.cpuUsage()
      process.send?.(user + system)
    })
  })
  process.send?.('joined')
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
  return `## Nonce stores: claim and commit of one delivery\n\n${circumstances()}, Node ${process.versions.node}; medians of ${rounds} rounds.\n` +
    `Alone in flight, nothing is shared among deliveries; Redis's commands of one turn share their system calls. Who is asked, in the case of workers, is the other one, which reads along.\n\n${table(head, rows)}`
}
