import { createHmac, timingSafeEqual } from 'node:crypto'
import { Command } from 'commander'
import { Headers } from '../src/core/headers.ts'
import { algorithm } from '../src/schemes/algorithms/index.ts'
import { compileScheme } from '../src/schemes/compile.ts'
import type { SchemeDocument, SignatureDocument } from '../src/schemes/document.ts'
import type { Encoding } from '../src/schemes/encoding.ts'
import { formOf, secretKey } from '../src/schemes/keys.ts'
import { signaturesOf } from '../src/schemes/plan.ts'
import { presetNames, resolvePreset } from '../src/schemes/presets.ts'
import type { Verifiable } from '../src/schemes/reading.ts'
import { compileSign, type Stamp, type Unsigned } from '../src/schemes/sign.ts'
import { count, optionsOf } from './options.ts'
import { circumstances, median, table, writeSection } from './results.ts'

/**
 * What verifying costs beside the bare `createHmac` + compare that anyone would write, for each HMAC preset, at 2 KiB:
 * `npm run bench:verify -- --help`. The bare side is handed the signed bytes, ready made, and the right text; this side takes them out
 * of the request. Where a form is sorted or a field of the JSON body is read, no bare HMAC does the same work, so that the
 * other side parses and sorts with what Node has.
 *
 * All presets are warmed up in one process before the first is measured, so that no closure is compiled for one preset
 * alone. Short turns of both sides alternate; CPU time with its garbage; the median of the ratios of neighbours.
 */
const options = optionsOf<{ readonly passes: number; readonly print?: true }>(new Command('npm run bench:verify --')
  .description('What verifying costs beside the bare HMAC, for each HMAC preset; written into bench/RESULTS.md.')
  .option('--passes <n>', 'how often everything is measured, after it was warmed up; medians are reported', count, 5)
  .option('--print', 'print only; leave bench/RESULTS.md alone')
  .addHelpText('after', '\nExamples:\n  npm run bench:verify\n  npm run bench:verify -- --passes 1 --print'))
const { passes } = options
const rounds = 41
const turns = 200
const size = 2048
const publicUrl = 'https://hooks.example.com/in'
const at = 1_767_225_600_000
const secretBytes = Buffer.from('sixteen bytes and more of secret')

const json = Buffer.from(JSON.stringify({
  id: 'evt_1', type: 'invoice.paid', webhookTimestamp: at,
  items: Array.from({ length: 10 }, (_, item) => ({ item, note: 'x'.repeat(120), price: 1999, paid: true })),
}).padEnd(size, ' '))

/** As a telephony sender writes it: two dozen fields, a fifth of the text escaped. */
const form = Buffer.from(new URLSearchParams(Array.from({ length: 24 }, (_, field): [string, string] => (
  [`Field${(field * 7) % 24}`, `+49 30 ${field} Grüße aus Köln, ${'wort '.repeat(9)}`]
))).toString().slice(0, size).replace(/%[^]?$/, ''))

const headers = [
  'Host', 'hooks.example.com', 'User-Agent', 'Sender/1.0', 'Content-Type', 'application/json', 'Content-Length', String(size), 'Accept', '*/*',
]

type Baseline = 'bare' | 'parses the JSON' | 'sorts the form'
interface Rival { readonly name: string; readonly baseline: Baseline; readonly verify: () => unknown; readonly other: () => boolean }

/** Undefined: no HMAC; a text: why it is not measured. */
function rival(name: string, document: SchemeDocument): Rival | string | undefined {
  const [signature] = signaturesOf(document)
  const row = signature && algorithm(signature.algorithm)
  if (signature === undefined || !row?.name.startsWith('hmac-')) return undefined
  const baseline = baselineOf(document)
  const body = baseline === 'sorts the form' ? form : json
  const named = [...(document.message ?? '').matchAll(/\{header:([^}]+)\}/g)].flatMap(([, line = '']) => [line, 'Thu, 01 Jan 2026 00:00:00 GMT'])
  const lines = [...headers, ...named]
  const unsigned: Unsigned = { method: 'POST', path: '/in', query: undefined, headers: lines, body, at, id: 'msg_1', keyId: 'k' }
  const keyForm = formOf(signature.key, 'secret')
  const secret = Buffer.from(secretBytes.toString(keyForm.form === 'hex' ? 'hex' : 'base64'))
  const stamp = stampOf(document, secret, unsigned)
  if (stamp === undefined || stamp.body !== undefined) return 'its proof stands inside the body'
  const fail = (problem: unknown): never => { throw new Error(`${name}: ${JSON.stringify(problem)}`) }
  const scheme = compileScheme(document, { secrets: [{ reference: 'env:SECRET', id: 'k', bytes: secret, path: [] }], keys: [] }, { publicUrl }, fail)
  const delivery: Verifiable = { ...unsigned, query: stamp.query, headers: new Headers([...lines, ...stamp.headers]) }
  const verdict = scheme?.verify(delivery)
  const key = secretKey(keyForm, secret)
  if (scheme === undefined || verdict === undefined || 'then' in verdict || verdict.verdict !== 'pass' || 'unusable' in key) return fail(verdict)
  const material = baseline === 'sorts the form' ? undefined : verdict.gain.signed?.material
  return { name, baseline, verify: () => scheme.verify(delivery), other: otherSide(signature, key.export(), { material, body, baseline }) }
}

function baselineOf({ message = '', timestamp, id }: SchemeDocument): Baseline {
  if (message.includes('{form-pairs}')) return 'sorts the form'
  return timestamp?.json !== undefined || (id?.json !== undefined && message.includes('{id}')) ? 'parses the JSON' : 'bare'
}

/** Undefined: this key signs nothing here. */
function stampOf(document: SchemeDocument, secret: Uint8Array, unsigned: Unsigned): Stamp | undefined {
  return compileSign(document, secret, 'secret', publicUrl, () => undefined)?.(unsigned)
}

interface Work { readonly material: readonly Uint8Array[] | undefined; readonly body: Buffer; readonly baseline: Baseline }

/** What anyone would write. */
function otherSide({ algorithm: name, encoding }: SignatureDocument, key: Uint8Array, { material, body, baseline }: Work): () => boolean {
  const mac = (parts: readonly (string | Uint8Array)[]): string => {
    const hmac = createHmac(name.slice('hmac-'.length), key)
    for (const part of parts) hmac.update(part)
    return hmac.digest(encoding as Encoding)
  }
  const parts = material === undefined ? () => [publicUrl, sorted(body)] : () => material
  const right = mac(parts())
  const same = (): boolean => timingSafeEqual(Buffer.from(mac(parts())), Buffer.from(right))
  if (baseline !== 'parses the JSON') return same
  return () => typeof JSON.parse(body.toString()) === 'object' && same()
}

function sorted(body: Buffer): string {
  const pairs = [...new URLSearchParams(body.toString())].sort(([one], [other]) => (one < other ? -1 : 1))
  return pairs.map(([name, value]) => name + value).join('')
}

/** Nanoseconds of CPU a call, its garbage included. */
function time(call: () => unknown): number {
  const start = process.cpuUsage()
  for (let turn = 0; turn < turns; turn += 1) call()
  const { user, system } = process.cpuUsage(start)
  return ((user + system) * 1000) / turns
}

/** One ratio a round, the order turned each time. */
function compare({ verify, other }: Rival): readonly number[] {
  return Array.from({ length: rounds }, (_, round) => {
    if (round % 2 === 0) {
      const first = time(other)
      return time(verify) / first
    }
    const first = time(verify)
    return first / time(other)
  })
}

interface Figure { readonly name: string; readonly baseline: Baseline; readonly ratio: number }

function measure(rivals: readonly Rival[]): readonly Figure[] {
  console.error(`warming up ${rivals.length} presets`)
  for (const { verify, other } of rivals) for (let turn = 0; turn < 10; turn += 1) time(verify) + time(other)
  const ratios = rivals.map((): number[] => [])
  for (let pass = 0; pass < passes; pass += 1) {
    for (const [place, one] of rivals.entries()) {
      const found = compare(one)
      ratios[place]?.push(...found)
      console.error(`pass ${pass + 1} of ${passes}  ${one.name.padEnd(32)} ${median(found).toFixed(2)}`)
    }
  }
  return rivals.map(({ name, baseline }, place) => ({ name, baseline, ratio: median(ratios[place] ?? []) }))
}

/** Presets by their ratio, rounded to five hundredths. */
function rowsOf(figures: readonly Figure[]): readonly (readonly string[])[] {
  const steps = [...new Set(figures.map(({ ratio }) => Math.round(ratio * 20)))].sort((one, other) => one - other)
  return steps.map((step) => {
    const names = figures.filter(({ ratio }) => Math.round(ratio * 20) === step).map(({ name }) => `\`${name}\``)
    return [names.join(' '), String(names.length), (step / 20).toFixed(2)]
  })
}

function sectionOf(figures: readonly Figure[], baseline: Baseline, heading: string): string {
  const some = figures.filter((figure) => figure.baseline === baseline)
  const within = some.filter(({ ratio }) => ratio <= 1.3)
  const worst = Math.max(...some.map(({ ratio }) => ratio))
  return [
    `${heading}: ${some.length} presets, median ${median(some.map(({ ratio }) => ratio)).toFixed(2)}, worst ${worst.toFixed(2)}, ${within.length} within 1.30.`, '',
    table(['presets', 'how many', 'ratio'], rowsOf(some)), '',
  ].join('\n')
}

const all = presetNames().flatMap((name): (Rival | { readonly name: string; readonly why: string })[] => {
  const resolved = resolvePreset(name, name === 'hmac' || name === 'grafana-timestamped' ? { header: 'X-Parameter' } : {})
  const one = resolved !== undefined && 'document' in resolved ? rival(name, resolved.document) : undefined
  if (one === undefined) return []
  return [typeof one === 'string' ? { name, why: one } : one]
})
const rivals = all.filter((one): one is Rival => 'verify' in one)
const others = all.filter((one) => !('verify' in one)).map(({ name }) => `\`${name}\``)
const figures = measure(rivals)
const node = `Node ${process.versions.node.split('.')[0]}`
const report = [
  `## Verifying, beside the bare HMAC, on ${node}`, '',
  `${circumstances()}, Node ${process.versions.node}. 2 KiB, CPU time; medians of ${passes * rounds} pairs of ${turns} calls each, all presets in one process.`, '',
  sectionOf(figures, 'bare', '**Beside `createHmac` + `timingSafeEqual`** over bytes that are ready made'),
  sectionOf(figures, 'parses the JSON', '**Beside `JSON.parse` and the same**, since the time is a field of the body'),
  sectionOf(figures, 'sorts the form', '**Beside `URLSearchParams`, sort and the same**, since the fields are signed in order'),
  `Not measured, since their proof stands inside the body: ${others.join(' ')}. Built-in verifiers are not HMACs over a template and are not here.`,
].join('\n')
console.log(report)
if (!options.print) writeSection(`verify on ${node}`, report)
