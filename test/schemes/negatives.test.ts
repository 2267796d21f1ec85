import t, { type Test } from 'tap'
import { Headers } from '../../src/core/headers.ts'
import { presetNames } from '../../src/schemes/presets.ts'
import type { Verifiable } from '../../src/schemes/reading.ts'
import type { Scheme } from '../../src/schemes/scheme.ts'
import { compiled, judge, preset } from '../support/vectors.ts'
import { play, publicUrl, type Played } from '../support/sender.ts'

/**
 * Every preset that can be signed from outside is signed with a key of our own, and then spoilt in every way that a sender
 * or an attacker could: each must be refused. The right answers come from the vectors; here only the wrong ones count.
 */
type Spoil = (delivery: Verifiable, scheme: Scheme) => readonly [string, Verifiable][]

const change = (text: string, at: number) => text.slice(0, at) + (text[at]?.toLowerCase() === 'a' ? 'B' : 'A') + text.slice(at + 1)
const withHeader = (delivery: Verifiable, index: number, value: string): Verifiable => {
  const raw = [...delivery.headers.raw]
  raw[index * 2 + 1] = value
  return { ...delivery, headers: new Headers(raw) }
}

/** Each header that decides: changed, cut, emptied, doubled, gone. */
const spoilHeaders: Spoil = (delivery, scheme) => delivery.headers.names.flatMap((name, index) => {
  if (!scheme.headers.includes(name)) return []
  const { raw } = delivery.headers
  const value = raw[index * 2 + 1] as string
  const line = [raw[index * 2] as string, value]
  const others = [...raw.slice(0, index * 2), ...raw.slice(index * 2 + 2)]
  return [
    [`${name} with another last letter`, withHeader(delivery, index, change(value, value.length - 1))],
    [`${name} with another first letter`, withHeader(delivery, index, change(value, 0))],
    [`${name} cut`, withHeader(delivery, index, value.slice(0, -1))],
    [`${name} longer`, withHeader(delivery, index, `${value}0`)],
    [`${name} empty`, withHeader(delivery, index, '')],
    [`${name} of one blank`, withHeader(delivery, index, ' ')],
    [`${name} twice`, { ...delivery, headers: new Headers([...raw, ...line]) }],
    [`${name} gone`, { ...delivery, headers: new Headers(others) }],
  ] as [string, Verifiable][]
})

/** The signature itself, spelled in ways that a lenient decoder takes for the same bytes. */
const spoilEncoding: Spoil = (delivery, scheme) => [scheme.document.signature ?? []].flat().flatMap((signature) => {
  const index = delivery.headers.names.indexOf((signature.header ?? signature.numbered?.concat('1') ?? '').toLowerCase())
  if (index === -1) return []
  const value = delivery.headers.raw[index * 2 + 1] as string
  const start = signature.prefix === undefined ? 0 : value.indexOf(signature.prefix) + signature.prefix.length
  const with_ = (text: string) => withHeader(delivery, index, value.slice(0, start) + text)
  const proof = value.slice(start)
  const spoilt: [string, Verifiable][] = [
    ['white space inside', with_(`${proof.slice(0, 8)} ${proof.slice(8)}`)],
    ['a NUL behind', with_(`${proof}\u0000`)],
    ['text behind', with_(`${proof}zz`)],
    ['no prefix', withHeader(delivery, index, proof)],
    ['zeros', with_(proof.replace(/[0-9A-Za-z]/g, '0'))],
    ['twice in one', with_(proof + proof)],
  ]
  if (signature.encoding === 'base64') spoilt.push(['no padding', with_(proof.replace(/=+$/, ''))], ['url alphabet', with_(Buffer.from(proof, 'base64').toString('base64url'))])
  if (signature.encoding === 'hex') spoilt.push(['base64 for hex', with_(Buffer.from(proof, 'hex').toString('base64'))])
  if (signature.encoding === 'base64' && proof.endsWith('=')) spoilt.push(['padding bits', with_(paddingBits(proof))])
  return spoilt.filter(([name]) => name !== 'no prefix' || start > 0)
})

/** The same bytes, with bits set that base64 does not use. */
function paddingBits(text: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  const last = text.replace(/=+$/, '').length - 1
  return text.slice(0, last) + alphabet[alphabet.indexOf(text[last] as string) + 1] + text.slice(last + 1)
}

/** The body: one bit, one byte more, one less, none. Not for tokens, which say nothing about it. */
const spoilBody: Spoil = (delivery, scheme) => {
  if ([scheme.document.signature ?? []].flat().some(({ algorithm }) => algorithm === 'token')) return []
  const { body } = delivery
  const flipped = Uint8Array.from(body)
  flipped[flipped.length - 1] = (flipped.at(-1) as number) ^ 1
  return [
    ['another bit in the body', { ...delivery, body: flipped }],
    ['a line feed behind the body', { ...delivery, body: Buffer.concat([body, Buffer.from('\n')]) }],
    ['a byte order mark before the body', { ...delivery, body: Buffer.concat([Buffer.from('efbbbf', 'hex'), body]) }],
    ['a body that lacks its end', { ...delivery, body: body.subarray(0, -1) }],
    ['no body', { ...delivery, body: new Uint8Array() }],
  ]
}

/** The clock of the gateway: beyond both edges of the tolerance. */
const spoilTime: Spoil = (delivery, { facts: { window } }) => (window === undefined ? [] : [
  ['too late', { ...delivery, at: delivery.at + window.past + 2000 }],
  ['too early', { ...delivery, at: delivery.at - window.future - 2000 }],
])

const spoils = [spoilHeaders, spoilEncoding, spoilBody, spoilTime]

/** Another spelling that is the same on purpose: hex in either case, and lists whose rest stays good. */
const stillGood = (scheme: Scheme, name: string) => name.endsWith('gone') && [scheme.document.signature ?? []].flat().length > 1

for (const name of presetNames()) {
  t.test(name, async (t) => {
    const document = preset(name, name === 'hmac' ? { header: 'X-Signature' } : {})
    const played = play(document)
    if (typeof played === 'string') {
      t.comment(`${name}: ${played}; its own test spoils it`)
      return
    }
    t.equal(await judge(played.scheme, played.delivery), 'signed', 'what was signed passes')
    for (const [how, spoilt] of spoils.flatMap((spoil) => spoil(played.delivery, played.scheme))) {
      const said = await judge(played.scheme, spoilt)
      if (!stillGood(played.scheme, how)) t.not(said, 'signed', `${how}: ${said}`)
    }
    await otherKeys(t, played)
  })
}

async function otherKeys(t: Test, { document, delivery, other, keys }: Played): Promise<void> {
  const { scheme: stranger } = compiled(document, other, publicUrl)
  t.not(stranger && await judge(stranger, delivery), 'signed', 'another key')
  const { scheme: rotating } = compiled(document, {
    secrets: [...(other.secrets ?? []), ...(keys.secrets ?? [])], keys: [...(other.keys ?? []), ...(keys.keys ?? [])],
  }, publicUrl)
  t.equal(rotating && await judge(rotating, delivery), 'signed', 'the right key beside another')
}
