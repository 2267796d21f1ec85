import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Gateway } from '../../src/gateway.ts'
import type { Exchange, Fetch, Get } from '../../src/core/ports.ts'
import { makePki, type Identity, type Pki } from './pki.ts'
import { stillWorld, type StillWorld } from './world.ts'

/** What a test changes of the configuration; everything else is as below. */
export interface GatewayOptions {
  /** Further files beside the configuration, by name. */
  readonly files?: (pki: Pki) => Promise<Record<string, string>>
  /** The receiver's port, for `receivers.target`. */
  readonly receiver: number
  /** One or more routes; `forward` to `target` and `match` are filled in where left out. */
  readonly routes: readonly Record<string, unknown>[]
  readonly listener?: Record<string, unknown>
  /** Fields of `clientCertificate`, besides `ca`; false: none is asked for. */
  readonly clientCertificate?: Record<string, unknown> | false
  /** Further keys of the file. */
  readonly settings?: Record<string, unknown>
  readonly environment?: Record<string, string>
  /** What its clock says at the start; left out: the time of day. */
  readonly now?: number
  /** What fetching gives; left out: nobody answers. */
  readonly fetch?: Fetch
  /** How keys and confirmations are fetched. */
  readonly get?: Get
  /** How lists and responders are asked. */
  readonly exchange?: Exchange
}

/** A whole gateway in this process, on real sockets, with a clock that stands still and certificates of its own. */
export interface TestGateway {
  readonly gateway: Gateway
  readonly port: number
  readonly world: StillWorld
  readonly pki: Pki
  /** A certificate that the listener trusts: `dns:sender.example`. */
  readonly sender: Identity
  readonly directory: string
  readonly file: string
  readonly settings: Record<string, unknown>
  /** Writes the file anew; `gateway.reload()` takes it. */
  readonly write: (settings: Record<string, unknown>) => void
  /** The audit records, once there are so many of them. */
  readonly audit: (count: number) => Promise<Record<string, unknown>[]>
}

export interface Test { readonly testdir: (files: Record<string, string>) => string; readonly teardown: (run: () => unknown) => unknown }

const pki = makePki()

export async function startGateway(t: Test, options: GatewayOptions): Promise<TestGateway> {
  const { ca } = await pki
  const [server, sender] = await Promise.all([ca.server(), ca.client()])
  const directory = t.testdir({
    'server.pem': server.chain, 'server.key': server.key, 'ca.pem': ca.certificate, ...await options.files?.(await pki),
  })
  mkdirSync(resolve(directory, 'data'))
  const file = resolve(directory, 'sallyport.yaml')
  const settings = configuration(options)
  // JSON is YAML, too.
  const write = (content: Record<string, unknown>): void => writeFileSync(file, JSON.stringify(content, null, 2))
  write(settings)
  const still = stillWorld({ SECRET: secretText, ...options.environment }, options.now)
  const world = { ...still, ...(options.fetch && { fetch: options.fetch }), ...(options.get && { get: options.get }), ...(options.exchange && { exchange: options.exchange }) }
  const gateway = await Gateway.start(file, world)
  t.teardown(() => drained(gateway, world))
  return {
    gateway, world, pki: await pki, sender, directory, file, settings, write, port: gateway.addresses[0]?.port ?? 0,
    audit: (count) => recordsIn(resolve(directory, 'audit.log'), count),
  }
}

/** The end of a gateway, however much time has to pass for it. */
export async function drained(gateway: Gateway, { clock }: Pick<StillWorld, 'clock'>): Promise<void> {
  let isOver = false
  const end = gateway.drain().finally(() => { isOver = true })
  for (; !isOver; await new Promise(setImmediate)) clock.advance(60_000)
  await end
}

/** Audit lines leave without blocking the event loop: they are there soon after the answer. */
async function recordsIn(file: string, count: number): Promise<Record<string, unknown>[]> {
  for (;;) {
    const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []
    if (lines.length >= count) return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
    await new Promise((resume) => { setImmediate(resume) })
  }
}

/** The shared secret of the tests, as `env:SECRET`. */
export const secretText = 'a secret of the tests, long enough'

function configuration({ receiver, routes, listener, clientCertificate, settings }: GatewayOptions): Record<string, unknown> {
  const asked = clientCertificate === false ? {} : { clientCertificate: { mode: 'request', ca: ['ca.pem'], ...clientCertificate } }
  return {
    listeners: [{ address: '127.0.0.1:0', tls: { certificate: 'server.pem', key: 'server.key', ...asked }, ...listener }],
    receivers: { target: { url: `http://127.0.0.1:${receiver}`, timeout: '5s' } },
    replay: { store: 'memory:' },
    log: { level: 'error', audit: 'file:audit.log' },
    responses: 'detailed',
    routes: routes.map((route, at) => ({ name: `route-${at}`, match: { path: '/hook' }, forward: { to: 'target' }, ...route })),
    ...settings,
    // Tests let hours pass on open connections; who is idle for too long is a matter of its own.
    limits: { idleTimeout: '30d', ...settings?.['limits'] as object },
  }
}
