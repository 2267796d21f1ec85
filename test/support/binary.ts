import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmdirSync, statSync } from 'node:fs'
import { resolve } from 'node:path'

/** The built program, as an operator runs it. */

const root = resolve(import.meta.dirname, '../..')
const program = resolve(root, 'dist/main.js')

export interface Running {
  readonly process: ChildProcess
  readonly pid: number
  /** Everything that was written so far. */
  readonly output: () => string
  /** Resolves with the match once the output matches; rejects where the program ends before. */
  readonly says: (what: RegExp) => Promise<RegExpExecArray>
  readonly exited: Promise<Exit>
}

export interface Exit { readonly code: number | null; readonly signal: NodeJS.Signals | null; readonly stdout: string; readonly stderr: string }

/** `node`: flags for Node itself. `stderr`: an open file in place of a pipe that is read. */
interface Options { readonly cwd?: string; readonly env?: Readonly<Record<string, string>>; readonly node?: readonly string[]; readonly stderr?: number }

/** `npm test` has built it; where a single test is run after a change, it is built now, by one test file at a time. */
function build(): void {
  if (isFresh()) return
  const lock = resolve(root, 'dist.lock')
  while (!tryToLock(lock)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)
  try {
    if (isBuilt()) return
    const { status, stdout } = spawnSync('npm', ['run', '--silent', 'build'], { cwd: root, encoding: 'utf8' })
    if (status !== 0) throw new Error(`the build fails: ${stdout}`)
  } finally {
    rmdirSync(lock)
  }
}

function isFresh(): boolean {
  return isBuilt() && !existsSync(resolve(root, 'dist.lock'))
}

function isBuilt(): boolean {
  const newest = Math.max(...readdirSync(resolve(root, 'src'), { recursive: true, encoding: 'utf8' }).map((file) => statSync(resolve(root, 'src', file)).mtimeMs))
  return (statSync(program, { throwIfNoEntry: false })?.mtimeMs ?? 0) > newest
}

function tryToLock(lock: string): boolean {
  try {
    mkdirSync(lock)
    return true
  } catch {
    return false
  }
}

/** Starts `sallyport ARGUMENTS`. */
export function start(args: readonly string[], { cwd = root, env = {}, node = [], stderr }: Options = {}): Running {
  build()
  return watch(spawn(...bare(process.execPath, ...node, program, ...args), { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', stderr ?? 'pipe'] }))
}

/** The same command without the test runner's own loaders: the runner adds them to all that is spawned, whatever its `env` says. */
export function bare(...command: readonly string[]): readonly [string, readonly string[]] {
  return ['env', ['-u', 'NODE_OPTIONS', ...command]]
}

/** Follows a child's output. */
export function watch(child: ChildProcess): Running {
  const text = { stdout: '', stderr: '' }
  const waiting = new Set<() => void>()
  const rouse = (): void => { for (const wake of waiting) wake() }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk
      rouse()
    })
  }
  let over = false
  const exited = new Promise<Exit>((done) => {
    child.once('close', (code, signal) => {
      over = true
      done({ code, signal, ...text })
      rouse()
    })
  })
  const output = (): string => text.stdout + text.stderr
  const says = (what: RegExp): Promise<RegExpExecArray> => new Promise((found, failed) => {
    const look = (): void => {
      const match = what.exec(output())
      if (match === null && !over) return
      waiting.delete(look)
      if (match === null) failed(new Error(`it ended without saying ${what}: ${output()}`))
      else found(match)
    }
    waiting.add(look)
    look()
  })
  return { process: child, pid: child.pid ?? 0, output, says, exited }
}

/** Runs `sallyport ARGUMENTS` to its end. */
export function run(args: readonly string[], options?: Options): Promise<Exit> {
  return start(args, options).exited
}
