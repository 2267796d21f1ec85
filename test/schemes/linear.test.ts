import t from 'tap'
import { Headers } from '../../src/core/headers.ts'
import type { Verifiable } from '../../src/schemes/reading.ts'
import type { Scheme } from '../../src/schemes/scheme.ts'
import { post, publicUrl } from '../support/senders/post.ts'
import { compiled, preset } from '../support/vectors.ts'
import { verified, verifiedNames } from '../support/verified.ts'
import { verifierParameters } from '../support/verifier-parameters.ts'
import { workOf, workOfAll } from '../support/work.ts'

/**
 * Twice as long a delivery takes at most a little more than twice the work, whatever is in it. Work is counted, not timed;
 * all presets are made of these closures, so that one of each kind is asked.
 */
const kinds = [
  'docusign', 'dropbox-sign', 'ebay', 'github', 'linear', 'mailgun', 'mandrill', 'pandadoc', 'recurly', 'standard-webhooks', 'stripe', 'sumsub', 'twitch',
]
const pieces = [
  ',', ';', ' ', '=', '&', '%', '%41', '+', '\\', '"', '\\"', '\\\\"', '{', '[', '[]', '{"a":', '"a",', '"id":1,', '0', '9', '.', 't=1,', 'v1=0,', 'a=1&',
  'v1,AAAA ', '-', '\u0000',
]
const lengths = [2000, 4000] as const

/** Wholly of one piece, behind and before what opens and closes JSON and strings. */
const texts = (piece: string, length: number): readonly string[] => {
  const text = piece.repeat(Math.ceil(length / piece.length)).slice(0, length)
  return [text, `"${text}"`, `{"id":"${text}"}`, `{${text}}`, `[${text}]`, `a=${text}`]
}

for (const name of kinds) {
  const posted = post(name)
  if (posted === undefined) throw new Error(`${name} has no sender`)
  t.test(name, async (t) => {
    const { scheme } = compiled(preset(name, posted.sender.parameters), posted.keys, publicUrl)
    if (scheme === undefined) throw new Error(`${name} does not compile`)
    const [short, long] = lengths
    const bent: string[] = []
    for (const piece of pieces) {
      texts(piece, short).forEach((text, form) => {
        const longer = texts(piece, long)[form] as string
        for (const [where, grow] of places(posted.delivery, scheme)) {
          const [less, more] = [workOf(() => scheme.verify(grow(text))), workOf(() => scheme.verify(grow(longer)))]
          if (more > less * 2.2 + 200) bent.push(`${where}, form ${form} of ${JSON.stringify(piece)}: ${less} became ${more}`)
        }
      })
    }
    t.same(bent, [])
  })
}

/** Of each built-in verifier one, and of tokens those that cover the body, the URL and the query. */
const verifierKinds = [
  'activitypub', 'adyen', 'atlassian-connect', 'braintree', 'contentful', 'fireblocks', 'mercado-pago', 'messagebird', 'paypal', 'plivo', 'rfc9421', 'sns', 'twilio',
]
t.test('every built-in verifier is among them', async (t) => {
  const kindOf = (name: string) => preset(name, verifierParameters[name]).verifier?.kind
  t.same(new Set(verifiedNames.map(kindOf)), new Set(verifierKinds.map(kindOf)))
})

for (const name of verifierKinds) {
  t.test(name, async (t) => {
    const one = await verified(name)
    if (one === undefined) throw new Error(`nobody plays ${name}`)
    const { scheme, delivery, signature } = one
    const [short, long] = lengths
    const bent: string[] = []
    for (const [where, grow] of [...places(delivery, scheme), ...aroundProof(delivery, signature)]) {
      for (const piece of pieces) {
        for (const form of [0, 2, 5]) {
          const [text, longer] = [texts(piece, short)[form] as string, texts(piece, long)[form] as string]
          const [less, more] = [await workOfAll(() => scheme.verify(grow(text))), await workOfAll(() => scheme.verify(grow(longer)))]
          if (more > less * 2.2 + 400) bent.push(`${where}, form ${form} of ${JSON.stringify(piece)}: ${less} became ${more}`)
        }
      }
    }
    t.same(bent, [])
  })
}

/** Where the proof stands in something longer, as a parameter of a header does: behind and before it. */
function aroundProof(delivery: Verifiable, proof: string): readonly [string, (text: string) => Verifiable][] {
  const raw = delivery.headers.raw
  const at = raw.findIndex((value, place) => place % 2 === 1 && value.includes(proof))
  if (at === -1) return []
  const value = raw[at] as string
  return [
    ['behind the proof', (text) => ({ ...delivery, headers: new Headers(raw.with(at, value + text)) })],
    ['before the proof', (text) => ({ ...delivery, headers: new Headers(raw.with(at, text + value)) })],
    ['in place of the proof', (text) => ({ ...delivery, headers: new Headers(raw.with(at, value.split(proof).join(text))) })],
  ]
}

/** Everywhere that a sender can write as much as it likes: each header that decides, their number, the query, the body. */
function places(delivery: Verifiable, { headers }: Scheme): readonly [string, (text: string) => Verifiable][] {
  const raw = delivery.headers.raw
  const values = headers.slice(0, 4).map((header): [string, (text: string) => Verifiable] => {
    const at = delivery.headers.names.indexOf(header)
    return [header, (text) => ({ ...delivery, headers: new Headers(at === -1 ? [...raw, header, text] : raw.with(at * 2 + 1, text)) })]
  })
  return [
    ...values,
    ['the query', (text) => ({ ...delivery, query: text })],
    ['the body', (text) => ({ ...delivery, body: Buffer.from(text, 'latin1') })],
    ['the number of headers', (text) => ({ ...delivery, headers: new Headers([...raw, ...Array.from({ length: text.length / 20 }, (_, at) => [`x-${at}`, 'v']).flat()]) })],
  ]
}

t.test('work is counted', async (t) => {
  const square = (size: number) => workOf(() => { for (let at = 0; at < size; at += 1) 'x'.repeat(size).indexOf('y') })
  t.ok(square(200) > square(100) * 3.5, 'what grows with the square is seen')
})
