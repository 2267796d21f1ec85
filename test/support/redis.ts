import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './ports.ts'

/** A `redis-server` that a test started: a process of its own, on a port of its own. */
export interface TestRedis {
  readonly port: number
  readonly directory: string
  readonly url: string
  /** Sends a command, gives the reply as `redis-cli` would have it raw. */
  readonly ask: (...words: string[]) => Promise<string>
  readonly kill: (signal: NodeJS.Signals) => void
  /** Ends it with -9 and waits until it is gone. */
  readonly die: () => Promise<void>
  /** Starts it again on the same port, with what its directory holds. */
  readonly start: () => Promise<void>
}

interface Test { readonly teardown: (run: () => unknown) => unknown }

export interface RedisSetup {
  /** Further arguments, `--appendonly yes`. */
  readonly args?: readonly string[]
  /** A whole configuration file in place of arguments: a sentinel. Its port is filled in. */
  readonly config?: (port: number, directory: string) => string
  /** It listens with TLS only; further arguments of the server and of `redis-cli`. */
  readonly tls?: { readonly args: readonly string[]; readonly cli: readonly string[] }
}

/** Starts a `redis-server` (Debian package of that name) without persistence, unless the arguments say otherwise. */
export async function startRedis(t: Test, { args = [], config, tls }: RedisSetup = {}): Promise<TestRedis> {
  const port = await freePort()
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-redis-'))
  const words = config === undefined
    ? [...(tls === undefined ? ['--port', String(port)] : ['--port', '0', '--tls-port', String(port), ...tls.args]), '--bind', '127.0.0.1', '--dir', directory, '--save', '', '--daemonize', 'no', ...args]
    : [config(port, directory), '--sentinel']
  let child: ChildProcess | undefined
  const ask = (...command: string[]) => redisCli(['-p', String(port), ...(tls?.cli ?? []), ...command])
  const die = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  const start = async (): Promise<void> => {
    child = spawn('redis-server', words, { stdio: 'ignore' })
    await untilUp(ask, child)
  }
  t.teardown(async () => {
    await die()
    rmSync(directory, { recursive: true, force: true })
  })
  await start()
  return { port, directory, url: `redis://127.0.0.1:${port}`, ask, die, start, kill: (signal) => void child?.kill(signal) }
}

async function untilUp(ask: TestRedis['ask'], child: ChildProcess): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}`)
    const said = await ask('PING').catch(() => '')
    if (said.startsWith('PONG') || said.startsWith('NOAUTH')) return
  }
}

async function redisCli(words: readonly string[]): Promise<string> {
  const child = spawn('redis-cli', words, { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => { said += text })
  child.stderr.setEncoding('utf8').on('data', (text: string) => { said += text })
  await once(child, 'close')
  return said.trimEnd()
}
