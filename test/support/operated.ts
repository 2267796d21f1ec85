import type { Test } from './gateway.ts'
import { start, type Running } from './binary.ts'
import { secretText } from './gateway.ts'
import { freePorts } from './ports.ts'
import { rawTls, type RawClient } from './raw.ts'
import { makeSite, type Site } from './site.ts'

/** `sallyport run` as a process of its own, on real sockets and real time. */
export interface Operated extends Running {
  readonly site: Site
  readonly port: number
  readonly admin: number
  readonly settings: Record<string, unknown>
  readonly write: (settings: unknown) => void
  readonly connect: () => Promise<RawClient>
  readonly page: (path: string) => Promise<{ readonly status: number; readonly text: string }>
}

/** A machine under load is late by itself, and a gateway in real time would turn senders away for it: that is tested elsewhere. */
export const unhurried = { eventLoopDelay: '1h' }

export async function operate(t: Test, receiver: number, change: Record<string, unknown> = {}, env: Record<string, string> = {}, node: readonly string[] = []): Promise<Operated> {
  const site = await makeSite(t)
  const [port = 0, admin = 0] = await freePorts(2)
  const settings = {
    listeners: [{ address: `127.0.0.1:${port}`, tls: { certificate: 'server.pem', key: 'server.key', clientCertificate: { mode: 'request', ca: ['ca.pem'] } } }],
    receivers: { target: { url: `http://127.0.0.1:${receiver}`, timeout: '20s' } },
    replay: { store: 'memory:' }, admin: { address: `127.0.0.1:${admin}` }, log: { audit: 'file:audit.log' }, responses: 'detailed',
    routes: [{ name: 'hook', match: { path: '/hook' }, open: true, forward: { to: 'target' } }], ...change,
    limits: { ...unhurried, ...change['limits'] as object },
  }
  const write = (content: unknown): void => { site.write('sallyport.yaml', typeof content === 'string' ? content : JSON.stringify(content)) }
  write(settings)
  const running = start(['run', '-c', 'sallyport.yaml'], { cwd: site.directory, env: { SECRET: secretText, ...env }, node })
  t.teardown(() => {
    running.process.kill('SIGKILL')
    return running.exited
  })
  await running.says(/sallyport listens/)
  return {
    ...running, site, port, admin, settings, write,
    connect: () => rawTls(port, { rejectUnauthorized: false }),
    page: async (path) => {
      const response = await fetch(`http://127.0.0.1:${admin}${path}`)
      return { status: response.status, text: await response.text() }
    },
  }
}

export const post = (path: string, body = 'hello'): string => `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`
