import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { path, secret } from '../sender.ts'
import { printedBy, type Site, type Subject } from './subject.ts'

/** Where the compiled gateway is, seen from `build/bench/subjects/`. */
const sallyportMain = fileURLToPath(new URL('../../../dist/main.js', import.meta.url))
const bareMain = fileURLToPath(new URL('../bare.js', import.meta.url))

/** What may differ between two of ours. */
export interface Build {
  /** Another build's `dist/main.js`. */
  readonly main?: string
  readonly workers?: number
}

/** Ourselves under one Node binary, every check on, the nonce on disk, the audit log to a file. */
export function sallyport(node: string, { main = sallyportMain, workers = 1 }: Build = {}): Subject {
  const version = nodeVersion(node)
  return {
    key: 'sallyport',
    title: `Sallyport${main === sallyportMain ? '' : ' before'}, Node ${version?.split('.')[0] ?? '?'}${workers === 1 ? '' : `, ${workers} workers`}`,
    asks: ['certificate', 'signature', 'nonce'],
    note: 'nonce claimed, then committed to disk before the sender is answered; audit record a delivery',
    install: `npm run build; and a Node binary at ${node}`,
    version: () => existsSync(main) && version !== undefined ? `Node ${version}` : undefined,
    prepare: (site) => {
      const file = join(site.folder, 'sallyport.yaml')
      writeFileSync(file, configuration(site, workers))
      return {
        file: node, parameters: [...nodeFlags(), main, 'run', '-c', file],
        environment: { BENCH_SECRET: secret, NODE_ENV: 'production' },
      }
    },
  }
}

/** Ourselves with one route whose bodies are handed on as they come. */
export function streamingSallyport(node: string): Subject {
  return {
    ...sallyport(node), key: 'streaming', asks: ['certificate'], note: 'a route with `body: stream`',
    prepare: (site) => {
      const file = join(site.folder, 'sallyport.yaml')
      writeFileSync(file, streamingConfiguration(site))
      return { file: node, parameters: [...nodeFlags(), sallyportMain, 'run', '-c', file], environment: { NODE_ENV: 'production' } }
    },
  }
}

/** The bare parts, no check at all but the certificate: `node:https` and `undici`. What we add to it is our own cost. */
export function bareNode(node: string): Subject {
  const version = nodeVersion(node)
  return {
    key: 'bare',
    title: `bare Node ${version?.split('.')[0] ?? '?'}`,
    asks: ['certificate'],
    note: '`node:https` and `undici` with nothing between: no source check, no HMAC, no nonce, no log',
    install: `a Node binary at ${node}`,
    version: () => version === undefined ? undefined : `Node ${version}`,
    prepare: ({ port, receiverPort, certificates }) => ({
      file: node,
      parameters: [...nodeFlags(), bareMain, String(port), String(receiverPort), certificates.server, certificates.serverKey, certificates.ca],
      environment: { NODE_ENV: 'production' },
    }),
  }
}

/** `BENCH_NODE_FLAGS`, for profiling: `--cpu-prof`. */
function nodeFlags(): string[] {
  return (process.env['BENCH_NODE_FLAGS'] ?? '').split(' ').filter((flag) => flag !== '')
}

function nodeVersion(node: string): string | undefined {
  return /^v(\S+)/.exec(printedBy(node, '--version') ?? '')?.[1]
}

const listenersOf = ({ port, certificates }: Site): string => `
listeners:
  - address: 127.0.0.1:${port}
    tls:
      certificate: ${certificates.server}
      key: ${certificates.serverKey}
      clientCertificate: { mode: require, ca: [${certificates.ca}] }`

const streamingConfiguration = (site: Site): string => `${listenersOf(site)}
receivers:
  receiver: { url: "http://127.0.0.1:${site.receiverPort}", timeout: 60s }
replay: { store: "memory:" }
log: { level: warn, audit: "file:${site.folder}/audit.log" }
routes:
  - { name: upload, match: { path: ${path} }, certificate: {}, body: stream, forward: { to: receiver } }
`

const configuration = (site: Site, workers: number): string => `${listenersOf(site)}
receivers:
  receiver: { url: "http://127.0.0.1:${site.receiverPort}", timeout: 10s }
replay:
  store: file:${site.folder}/nonces
log: { level: warn, audit: "file:${site.folder}/audit.log" }
workers: ${workers}
routes:
  - name: hook
    match: { path: ${path} }
    from: [127.0.0.0/8]
    certificate: {}
    signature: { preset: github, secrets: ["env:BENCH_SECRET"] }
    replay: { retain: 24h, onReplay: refuse }
    limits: { body: 64KiB }
    forward: { to: receiver }
`
