import { execFileSync } from 'node:child_process'
import type { LoadResult } from './load.ts'
import { circumstances, median, table } from './results.ts'
import type { Subject } from './subjects/subject.ts'

/** One load on one gateway, and what it cost. */
export interface Sample extends LoadResult {
  /** A delivery, over all of the gateway's processes and threads. */
  readonly cpuMicroseconds: number
  readonly residentMiB: number
  readonly peakMiB: number
  readonly descriptors: number
}

/** All that was measured of one gateway. */
export interface Measured {
  readonly subject: Subject
  readonly faults: string[]
  readonly keepAlive: Sample[]
  readonly fresh: Sample[]
}

export interface Plan { readonly rounds: number, readonly deliveries: number, readonly connections: number }

/** The comparison as Markdown. */
export function shortReport(measured: readonly Measured[], plan: Plan): string {
  return [
    '## Beside nginx + Lua, HAProxy and Caddy',
    `${circumstances()}. Medians of ${plan.rounds} rounds, the order turned each round. The gateway has core 0 to itself; senders and the ` +
    `receiver share core 1, so deliveries a second are bounded by them too and the CPU figure is the one to read. Every delivery is ` +
    `unique and freshly signed (HMAC-SHA256 over a body of 2 KiB); mutual TLS 1.3 with P-256 certificates, X25519, AES-128-GCM, no ` +
    `resumption; a source check, an access log to a file, one and the same receiver over connections that stay open.`,
    `### Connections that stay open (${plan.connections})`,
    figures(measured, ({ keepAlive }) => keepAlive),
    `### A new connection for every delivery (${plan.connections / 2} at once)`,
    figures(measured, ({ fresh }) => fresh),
    '### What each is and does',
    ...measured.map(({ subject, faults }) => [
      `- **${subject.title}** (${subject.version()}): ${subject.note}.`,
      ...[...new Set(faults)].map((fault) => ` **Let through or refused wrongly: ${fault}.**`),
    ].join('')),
    opensslLine(),
  ].join('\n\n').replaceAll('.\n\n- ', '.\n- ')
}

function figures(measured: readonly Measured[], pick: (one: Measured) => readonly Sample[]): string {
  const middle = (one: Measured, of: (sample: Sample) => number): number => median(pick(one).map(of))
  const cost = (one: Measured): number => middle(one, (sample) => sample.cpuMicroseconds)
  const against = (key: string, one: Measured): string => {
    const base = measured.find(({ subject }) => subject.key === key)
    return base === undefined ? '' : (cost(one) / cost(base)).toFixed(2)
  }
  const head = ['', 'CPU µs a delivery', 'to nginx + Lua', 'to Caddy', 'deliveries/s', 'p50 ms', 'p99 ms', 'RSS MiB', 'peak MiB']
  return table(head, measured.map((one) => [
    one.subject.title, cost(one).toFixed(0), against('nginx', one), against('caddy', one),
    middle(one, ({ accepted, seconds }) => accepted / seconds).toFixed(0), middle(one, ({ p50 }) => p50).toFixed(1),
    middle(one, ({ p99 }) => p99).toFixed(1), middle(one, ({ residentMiB }) => residentMiB).toFixed(0),
    Math.max(...pick(one).map(({ peakMiB }) => peakMiB)).toFixed(0),
  ]))
}

/** How memory went over many deliveries, as Markdown. */
export function longReport(rows: readonly { readonly subject: Subject, readonly samples: readonly Sample[] }[], total: number): string {
  const parts = Array.from({ length: 10 }, (_, part) => `${((part + 1) * total / 10_000).toFixed(0)}k`)
  return [
    `## Memory over ${total.toLocaleString('en')} deliveries`,
    `${circumstances()}. Resident MiB after each tenth, over connections that stay open; every nonce stays known, so what is added a ` +
    'delivery is the nonce.',
    table(['', ...parts, 'peak'], rows.map(({ subject, samples }) => [
      subject.title, ...samples.map(({ residentMiB }) => residentMiB.toFixed(0)),
      Math.max(...samples.map(({ peakMiB }) => peakMiB)).toFixed(0),
    ])),
  ].join('\n\n')
}

function opensslLine(): string {
  const openssl = execFileSync('openssl', ['version'], { encoding: 'utf8' }).split(' ').slice(0, 2).join(' ')
  return `nginx and HAProxy use the system's ${openssl}; senders run on Node ${process.versions.node} with OpenSSL ${process.versions.openssl}.`
}
