import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Certificates } from '../certificates.ts'

/** A gateway that is measured. */
export interface Subject {
  /** How it is called with `--only`. */
  readonly key: string
  readonly title: string
  /** Which questions it is set up to ask. Each is tried before anything is measured. */
  readonly asks: readonly ('certificate' | 'signature' | 'nonce')[]
  /** What it does not do of the work, or does otherwise, for the reader of the results. */
  readonly note: string
  /** Its version in a few words; undefined where it is not installed. */
  readonly version: () => string | undefined
  /** What to install where it is not. */
  readonly install: string
  /** Writes what it needs into `site.folder`; the command then runs in the foreground. */
  readonly prepare: (site: Site) => Command
}

/** What a subject is set up with. */
export interface Site {
  readonly folder: string
  readonly port: number
  readonly receiverPort: number
  readonly certificates: Certificates
}

export interface Command {
  readonly file: string
  readonly parameters: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

/** A subject that runs and listens. */
export interface Running { readonly pid: number; readonly port: number; readonly stop: () => Promise<void> }

/** The cores: the gateway has one to itself, senders and receiver share the other. */
export const gatewayCore = 0
export const outsideCore = 1

/** Starts a subject on the gateway's core; resolves once its port is open, rejects with its last words where it ends before. */
export async function start(subject: Subject, site: Omit<Site, 'port'>): Promise<Running> {
  const port = await freePort()
  const command = subject.prepare({ ...site, port })
  const output = join(site.folder, 'output.log')
  const file = openSync(output, 'a')
  const child = spawn('taskset', ['-c', String(gatewayCore), command.file, ...command.parameters],
    { stdio: ['ignore', file, file], env: { ...process.env, ...command.environment } })
  if (child.pid === undefined) throw new Error(`${subject.title} did not start`)
  await listening(child, port).catch(() => {
    throw new Error(`${subject.title} did not come to listen; it said:\n${readFileSync(output, 'utf8')}`)
  })
  return { pid: child.pid, port, stop: () => stop(child) }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const patience = setTimeout(() => child.kill('SIGKILL'), 10_000)
  await ended
  clearTimeout(patience)
}

async function listening(child: ChildProcess, port: number): Promise<void> {
  for (let attempt = 0; attempt < 200 && child.exitCode === null; attempt += 1) {
    if (await opens(port)) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  child.kill('SIGKILL')
  throw new Error('not listening')
}

function opens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false)).on('close', () => socket.destroy())
    socket.on('connect', () => socket.destroy())
  })
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

/** What a command prints, both streams together; undefined where there is no such command. */
export function printedBy(file: string, ...parameters: readonly string[]): string | undefined {
  const { stdout, stderr, error } = spawnSync(file, parameters, { encoding: 'utf8' })
  return error === undefined ? `${stdout}${stderr}` : undefined
}
