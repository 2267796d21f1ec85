import { z } from 'zod'
import { feedSchema } from '../addresses/feed-document.ts'
import { range } from '../addresses/ranges.ts'
import { checks } from '../checks/index.ts'
import { duration, mistake, size } from '../core/fields.ts'
import { ocspSchema } from '../core/ocsp.ts'
import { certificateHeaders, type CertificateHeader } from '../core/policy.ts'

/** The frame of the configuration file; each check brings the schema of its own key. Defaults live here and there only. */

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'a name: letters, digits, `.`, `_` and `-`, at most 64')

const hostAndPort = z.string().transform((text, context) => {
  const found = /^(\[[0-9A-Fa-f:.]+\]|[^:\s]+):(0|[1-9][0-9]{0,4})$/.exec(text)
  const port = Number(found?.[2] ?? -1)
  if (found?.[1] !== undefined && port <= 65535) return { host: found[1].replace(/^\[|\]$/g, ''), port }
  context.addIssue(mistake(`${JSON.stringify(text)} is not an address with a port`, 'write 0.0.0.0:8443 or "[::]:8443"'))
  return z.NEVER
})

const clientCertificate = z.strictObject({
  mode: z.enum(['request', 'require']).describe('request: the route decides; require: refused in the handshake.'),
  ca: z.array(z.string()).min(1).describe('PEM files of the certificate authorities that are trusted for senders; never empty.'),
  crl: z.array(z.string().refine((text) => !/^https?:\/\//i.test(text) || URL.canParse(text), 'a file, or https://HOST/PATH')).default([])
    .describe('Complete revocation lists, PEM or DER: files, or URLs (`https://…`, `http://…`) from where they are fetched and refreshed.'),
  ocsp: ocspSchema.optional().describe('What is asked of certificates’ responders on routes with `certificate:` that do not say otherwise; left out: nothing.'),
})

const tls = z.strictObject({
  certificate: z.string().describe('PEM file, leaf first.'),
  key: z.string().describe('PEM file of the private key.'),
  others: z.array(z.strictObject({ certificate: z.string(), key: z.string() })).default([])
    .describe('Further certificates, chosen by the name that the sender calls (exact, then `*.`).'),
  unknownName: z.enum(['refuse', 'serve']).default('refuse').describe('A sender calls a name that no certificate carries; serve: with the first certificate.'),
  minVersion: z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.2'),
  clientCertificate: clientCertificate.optional().describe('Leave out, and no sender is asked for a certificate.'),
})

/** A peer hands on the header that it does not write itself: read both, and the sender chooses its own address. */
function oneHeader(source: { forwardedFor: string[]; forwarded: string[] }, context: z.RefinementCtx): void {
  if (source.forwardedFor.length === 0 || source.forwarded.length === 0) return
  const mend = 'keep the one that your proxy writes, and let the proxy drop the other'
  context.addIssue({ ...mistake('X-Forwarded-For and Forwarded cannot both be read', mend), path: ['forwarded'] })
}

const listener = z.strictObject({
  address: hostAndPort.describe('Address and port, `0.0.0.0:8443`; port 0 takes any free one.'),
  tls,
  sourceAddress: z.strictObject({
    proxyProtocol: z.array(range).default([]).describe('Peers that must speak PROXY protocol v1 or v2.'),
    forwardedFor: z.array(range).default([]).describe('Peers whose X-Forwarded-For is read, right to left.'),
    forwarded: z.array(range).default([]).describe('Peers whose Forwarded (RFC 7239) is read, right to left; not beside `forwardedFor`.'),
  }).superRefine(oneHeader).prefault({}).describe('Who tells us the address of the sender; left out: the TCP peer.'),
})

const receiverUrls = z.union([z.string(), z.array(z.string()).min(1)]).transform((written, context) => {
  const found = [written].flat().map((text) => receiverUrl(text) ?? text)
  if (found.some((text) => receiverUrl(text) === undefined)) {
    // Not quoted: it may hold a password.
    const mend = 'write http://HOST:PORT, https://HOST:PORT or unix:PATH; a path goes into `forward.path` of the route'
    context.addIssue(mistake('is not where a receiver listens', mend))
  }
  return found
})

function receiverUrl(text: string): string | undefined {
  if (/^unix:./.test(text)) return text
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url !== undefined && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/` ? url.origin : undefined
}

const receiver = z.strictObject({
  url: receiverUrls
    .describe('Where the receiver listens: `http://127.0.0.1:9000`, `https://…`, `unix:/run/app.sock`; or a list of them, tried in turn.'),
  timeout: duration.prefault('10s').describe('The most that one delivery may take, from connecting to the last byte of the answer.'),
  connectTimeout: duration.prefault('5s').describe('The most that connecting may take, never more than `timeout`.'),
  connections: z.int().min(1).max(65_535).default(256).describe('The most connections to one URL; what comes on top waits its turn.'),
  unhealthyAfter: z.int().min(1).default(3).describe('After so many failures in a row a URL is left alone, as long as another one is not.'),
  retryAfter: duration.prefault('10s').describe('For how long it is left alone.'),
  ca: z.array(z.string()).min(1).optional().describe('PEM files of the authorities that sign the receiver; left out: the public ones.'),
  certificate: z.string().optional().describe('PEM file of the certificate that we show to the receiver.'),
  key: z.string().optional().describe('PEM file of its private key.'),
  serverName: z.string().min(1).optional().describe('The name in the receiver’s certificate; left out: the host of `url`.'),
})

const limits = z.strictObject({
  body: size.prefault('1MiB'),
  headers: size.prefault('16KiB').describe('All header lines of one request together.'),
  bodyTimeout: duration.prefault('10s'),
  buffered: size.prefault('256MiB').describe('All bodies that are held at one time.'),
  inFlight: z.int().min(1).default(4_096).describe('Deliveries under way at one time; past it: overloaded, before the body is read.'),
  eventLoopDelay: duration.prefault('250ms').describe('How late the event loop may be; past it: overloaded, and new connections are dropped.'),
  bodyRate: size.prefault('512B').describe('The least that a body brings in a second, once it had five seconds to begin.'),
  handshakeTimeout: duration.prefault('10s').describe('From the accepted connection to the end of its handshake, a PROXY header included.'),
  headersTimeout: duration.prefault('10s').describe('To the end of the headers of one request.'),
  idleTimeout: duration.prefault('65s').describe('How long a connection stays open with nothing to do.'),
  maxConnectionAge: duration.prefault('1h').describe('A connection that is older is closed with its next answer.'),
  connections: z.int().min(1).default(10_000).describe('Connections in all.'),
  connectionsPerAddress: z.int().min(1).default(1_000).describe('Connections of one address; IPv6: of one /64.'),
  handshakesPerSecond: z.int().min(1).max(100_000).optional().describe('New connections of one address in a second; left out: as many as it likes.'),
})

const match = z.strictObject({
  host: z.array(z.string()).min(1).optional().describe('Host names, `*.` for one label; left out: every name.'),
  path: z.string().regex(/^\/([^\s?#*]*(\/\*)?|\*)$/, 'a path: `/a` is exact, `/a/*` takes what is below')
    .describe('`/a` is exact, `/a/*` is a prefix by segment.'),
  methods: z.array(z.string().regex(/^[A-Z]+$/, 'a method in capital letters, `POST`')).min(1).default(['POST']),
})

/** RFC 9440 §2.3; and no header twice. */
function leafBesideChain(told: readonly CertificateHeader[], context: z.RefinementCtx): void {
  if (told.includes('Client-Cert-Chain') && !told.includes('Client-Cert')) {
    context.addIssue(mistake('`Client-Cert-Chain` never stands alone', 'write `[Client-Cert, Client-Cert-Chain]`'))
  }
  if (new Set(told).size !== told.length) context.addIssue(mistake('a header stands here twice', 'write each once'))
}

const forward = z.strictObject({
  to: z.string().describe('The name of a receiver.'),
  path: z.string().regex(/^\/([^\s?#*]*(\/\*)?|\*)$/, 'a path, `/internal`; `/internal/*` where `match.path` ends in `/*`').optional(),
  certificate: z.array(z.enum(certificateHeaders)).superRefine(leafBesideChain).default(['Client-Cert'])
    .describe('Headers that tell the receiver the certificate: `Client-Cert` and `Client-Cert-Chain` (RFC 9440), `X-Forwarded-Client-Cert` (as Envoy writes it).'),
  upgrade: z.array(z.enum(['websocket'])).min(1).optional()
    .describe('Protocols that a request may change to (`Upgrade`); only with `body: stream`. Left out: none, such requests are refused.'),
})

const checkKeys = Object.fromEntries(checks.map((check) => [check.key, check.schema.optional()]))

const route = z.strictObject({
  name,
  match,
  ...checkKeys,
  open: z.literal(true).optional().describe('Says that nothing here proves who sent, and that this is meant.'),
  forward,
  body: z.enum(['buffer', 'stream']).default('buffer')
    .describe('stream: handed on as it comes, however large; only where no check needs the body.'),
  mode: z.enum(['enforce', 'observe']).default('enforce').describe('observe: would-be refusals are logged and let through.'),
})

export const configuration = z.strictObject({
  warnBefore: duration.prefault('7d').describe('How long before own certificates, authorities and revocation lists expire `check` and the log say so.'),
  listeners: z.array(listener).min(1),
  receivers: z.record(name, receiver),
  replay: z.strictObject({
    store: z.string().default('file:../data/nonces').describe('`memory:`, `file:PATH`, `redis://HOST` or `rediss://HOST`.'),
    user: z.string().min(1).optional().describe('The user of the Redis; left out: its default user.'),
    password: z.string().min(1).optional().describe('The password of that user by reference: `env:NAME`, `file:PATH`.'),
    tls: z.strictObject({
      ca: z.string().optional().describe('PEM file of the authorities that the server is checked against; left out: the public ones.'),
      certificate: z.string().optional().describe('PEM file of the certificate that is shown to the server.'),
      key: z.string().optional().describe('PEM file of its private key.'),
    }).optional().describe('For `rediss://`.'),
    timeout: duration.prefault('250ms').describe('The most that one question to a server may take.'),
    onStoreFailure: z.enum(['refuse', 'local']).optional()
      .describe("While a server does not answer: refuse (503), or local: this process's own memory stands in, flagged on every record. Left out: refuse."),
  }).prefault({}),
  limits: limits.prefault({}),
  feeds: z.record(z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'a name: small letters, digits and `-`'), feedSchema).default({})
    .describe('Feeds of addresses besides those that ship; a route names one as `@NAME`.'),
  fetched: z.strictObject({
    directory: z.string().default('../data/fetched').describe('Where the last good copy of everything that is fetched is kept.'),
  }).prefault({}),
  workers: z.union([z.int().min(1).max(256), z.literal('auto')]).default(1).describe('Processes; auto: one a core.'),
  drain: duration.prefault('20s').describe('The longest that an end waits for deliveries that are under way.'),
  admin: z.strictObject({ address: hostAndPort }).optional().describe('Health and metrics; keep it off public addresses.'),
  log: z.strictObject({
    level: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
    audit: z.string().default('stdout').describe('`stdout`, `stderr` or `file:PATH`.'),
  }).prefault({}),
  responses: z.enum(['opaque', 'detailed']).default('opaque').describe('opaque: the id only; detailed: the reason, too.'),
  routes: z.array(route).min(1),
})

export type Settings = z.output<typeof configuration>
export type RouteSettings = Settings['routes'][number]
export type ListenerSettings = Settings['listeners'][number]
export type ReceiverSettings = Settings['receivers'][string]

/** The JSON Schema of what a person writes, for editors. */
export function jsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(configuration, { io: 'input', unrepresentable: 'any' })
  return { ...schema, title: 'Sallyport configuration' }
}
