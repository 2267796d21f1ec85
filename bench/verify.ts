import { createHmac, timingSafeEqual } from 'node:crypto'
import { algorithm } from '../src/schemes/algorithms/index.ts'
import { compileScheme } from '../src/schemes/compile.ts'
import type { SchemeDocument } from '../src/schemes/document.ts'
import type { Encoding } from '../src/schemes/encoding.ts'
import { formOf, secretKey } from '../src/schemes/keys.ts'
import { signaturesOf } from '../src/schemes/plan.ts'
import { presetNames, resolvePreset } from '../src/schemes/presets.ts'
import type { Verifiable } from '../src/schemes/reading.ts'
import { compileSign, type Unsigned } from '../src/schemes/sign.ts'
import { Headers } from '../src/core/headers.ts'

/**
 * What verifying costs beside the bare `createHmac` + compare that anyone would write, for each HMAC preset, at 2 KiB:
 * `node bench/verify.ts` (Node 22.18 or later reads TypeScript). The bare side is handed the bytes that are signed, ready
 * made, and the right text; this side takes them out of the request. Rounds of both are interleaved; CPU time, medians.
 */
const rounds = 15
const turns = 4000
const bytes = Buffer.from('sixteen bytes and more of secret')
const padding = 'x'.repeat(120)
const body = Buffer.from(JSON.stringify({
  id: 'evt_1', type: 'invoice.paid', items: Array.from({ length: 11 }, (_, at) => ({ at, note: padding, price: 1999, paid: true })),
}).padEnd(2048, ' '))

interface Rival { readonly name: string; readonly verify: () => unknown; readonly bare: () => boolean }

function rival(name: string, document: SchemeDocument): Rival | undefined {
  const [signature] = signaturesOf(document)
  const row = signature && algorithm(signature.algorithm)
  if (signature === undefined || row === undefined || !row.name.startsWith('hmac-')) return undefined
  const unsigned: Unsigned = { method: 'POST', path: '/in', query: undefined, headers, body, at: 1_767_225_600_000, id: 'msg_1', keyId: 'k' }
  const fail = (problem: unknown) => { throw new Error(JSON.stringify(problem)) }
  const form = formOf(signature.key, 'secret')
  const secret = Buffer.from(form.form === 'hex' ? bytes.toString('hex') : bytes.toString('base64'))
  const publicUrl = 'https://hooks.example.com/in'
  const written = [{ reference: 'env:SECRET', id: 'k', bytes: secret, path: [] }]
  const stamp = attempt(() => compileSign(document, secret, 'secret', publicUrl, () => undefined)?.(unsigned))
  const scheme = compileScheme(document, { secrets: written, keys: [] }, { publicUrl }, fail)
  if (stamp === undefined || scheme === undefined) return undefined
  const delivery: Verifiable = { ...unsigned, headers: new Headers([...headers, ...stamp.headers]) }
  const verdict = scheme.verify(delivery)
  // Some senders sign fields of a body of their own; what they cost is not the MAC.
  if ('then' in verdict || verdict.verdict !== 'pass') return undefined
  const key = secretKey(form, secret)
  if ('unusable' in key || signature.encoding === 'text') return undefined
  return { name, verify: () => scheme.verify(delivery), bare: bareOf(row.name.slice(5), key.export(), verdict.gain.signed?.material ?? [], signature.encoding) }
}

/** Signing throws where the body lacks what is signed. */
function attempt<T>(sign: () => T): T | undefined {
  try {
    return sign()
  } catch {
    return undefined
  }
}

/** What anyone would write. */
function bareOf(hash: string, key: Uint8Array, material: readonly Uint8Array[], encoding: Encoding): () => boolean {
  const mac = () => {
    const hmac = createHmac(hash, key)
    for (const part of material) hmac.update(part)
    return hmac.digest(encoding)
  }
  const right = mac()
  return () => timingSafeEqual(Buffer.from(mac()), Buffer.from(right))
}

const headers = [
  'Host', 'hooks.example.com', 'User-Agent', 'Sender/1.0', 'Content-Type', 'application/json', 'Content-Length', '2048', 'Accept', '*/*',
]

/** Nanoseconds of CPU a call, its garbage included. */
function time(call: () => unknown): number {
  const start = process.cpuUsage()
  for (let turn = 0; turn < turns; turn += 1) call()
  const { user, system } = process.cpuUsage(start)
  return ((user + system) * 1000) / turns
}

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[values.length >> 1] as number
}

function measure({ name, verify, bare }: Rival): { readonly name: string; readonly ratio: number } {
  time(verify)
  time(bare)
  const ratios = Array.from({ length: rounds }, (_, round) => {
    if (round % 2 === 0) {
      const first = time(bare)
      return time(verify) / first
    }
    const first = time(verify)
    return first / time(bare)
  })
  return { name, ratio: median(ratios) }
}

const rivals = presetNames().flatMap((name) => {
  const resolved = resolvePreset(name, name === 'hmac' ? { header: 'X-Signature' } : {})
  const one = resolved !== undefined && 'document' in resolved ? rival(name, resolved.document) : undefined
  return one === undefined ? [] : [one]
})
for (const { name, ratio } of rivals.map(measure)) console.log(`${name.padEnd(28)} ${ratio.toFixed(2)} x`)
