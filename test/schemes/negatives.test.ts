import t from 'tap'
import { Headers } from '../../src/core/headers.ts'
import { signaturesOf } from '../../src/schemes/plan.ts'
import { presetFacts } from '../../src/schemes/preset-facts.ts'
import { presetNames } from '../../src/schemes/presets.ts'
import type { Verifiable } from '../../src/schemes/reading.ts'
import type { Scheme } from '../../src/schemes/scheme.ts'
import { isInBody } from '../../src/schemes/source.ts'
import { post } from '../support/senders/post.ts'
import { spoilt } from '../support/spoils.ts'
import { byAnotherHash, spoiltProofs, withProof } from '../support/spoilt-proofs.ts'
import { at as signedAt, verified, verifiedNames } from '../support/verified.ts'
import { compiled, judge, preset } from '../support/vectors.ts'

const ways = ['with another last letter', 'with another first letter', 'cut', 'longer', 'empty', 'of one blank', 'twice', 'gone']
const spellings = ['white space inside', 'a NUL behind', 'text behind', 'a line feed behind', 'percent-escaped', 'quoted', 'half of it', 'zeros', 'twice in one']
const bodies = ['another bit in the body', 'a line feed behind the body', 'a byte order mark before the body', 'a body that lacks its end', 'no body']
const queries = ['changed', 'cut', 'longer', 'empty', 'twice', 'gone', 'not escaped right', 'under another name']
const fields = ['changed', 'empty', 'of another type', 'null', 'gone', 'twice']

/**
 * No preset escapes: each has a sender that is spoilt in every way that applies to it (`senders.test.ts` asserts that each is refused), or it has a built-in
 * verifier and is spoilt here.
 */
t.test('every preset is spoilt in every way that applies to it', async (t) => {
  for (const name of presetNames()) {
    if (verifiedNames.includes(name)) continue
    const posted = post(name)
    if (posted === undefined) {
      t.fail(`${name} has no sender in test/support/senders, and no built-in verifier`)
      continue
    }
    const { scheme } = compiled(preset(name, posted.sender.parameters), posted.keys, 'https://hooks.example.com/in')
    if (scheme === undefined) throw new Error(`${name} does not compile`)
    const there = new Set(spoilt(posted.delivery, scheme).map(([how]) => how))
    t.same(wanted(name, scheme, posted.delivery).filter((how) => !there.has(how)), [], name)
  }
})

/** By the names that `spoilt` gives them. */
function wanted(name: string, { document, headers, facts }: Scheme, { headers: { names: sent }, query: given }: Verifiable): string[] {
  const signatures = signaturesOf(document)
  const shown = signatures.filter(({ header, numbered }) => sent.includes((header ?? numbered?.concat('1') ?? '').toLowerCase()))
  const bySpelling = shown.flatMap(({ encoding }) => [
    ...spellings, ...(encoding === 'hex' ? ['base64 for hex', 'an odd digit more', '0x before', 'bytes apart by colons'] : []),
  ])
  const padded = shown.some(({ encoding, algorithm }) => encoding === 'base64' && /sha1$|sha256$|sha512$/.test(algorithm) && !algorithm.startsWith('rsa'))
  return [
    ...headers.filter((header) => sent.includes(header)).flatMap((header) => ways.map((way) => `${header} ${way}`)),
    ...bySpelling, ...(padded && signatures.length === 1 ? ['no padding', 'padding bits'] : []),
    ...signatures.flatMap(({ query }) => (query === undefined || given?.startsWith(query) !== true ? [] : queries.map((way) => `query ${query} ${way}`))),
    ...signatures.filter((place) => isInBody(place) && place.json !== undefined).flatMap(({ json }) => fields.map((way) => `field ${[json].flat().join('.')} ${way}`)),
    ...(presetFacts(name)?.signs.includes('body') === true ? bodies : []), ...(facts.window === undefined ? [] : ['too late', 'too early']),
  ]
}

t.test('a proof that may stand in the query, where the sender of the tests puts it into a header', async (t) => {
  const elsewhere = presetNames().filter((name) => {
    const posted = post(name)
    return posted !== undefined && signaturesOf(preset(name, posted.sender.parameters)).some(({ query }) => query !== undefined && posted.delivery.query === undefined)
  })
  t.same(elsewhere, ['jenkins-token'])
  const { key, keys, delivery } = post('jenkins-token') as NonNullable<ReturnType<typeof post>>
  const { scheme } = compiled(preset('jenkins-token'), keys)
  if (scheme === undefined) throw new Error('jenkins-token does not compile')
  const inQuery = { ...delivery, headers: new Headers([]), query: `token=${encodeURIComponent(key.written)}` }
  t.equal(await judge(scheme, inQuery), 'signed')
  for (const [how, changed] of spoilt(inQuery, scheme)) t.not(await judge(scheme, changed), 'signed', how)
})

for (const name of verifiedNames) {
  t.test(`${name}, by a built-in verifier`, async (t) => {
    const one = await verified(name)
    if (one === undefined) return void t.fail('nobody plays this sender')
    const { scheme, other, delivery, signature, secret } = one
    t.equal(await judge(scheme, delivery), 'signed')
    t.not(await judge(other, delivery), 'signed', 'another key')
    t.ok(signature.length > 0, 'the proof is known')
    for (const [how, text] of spoiltProofs(signature)) {
      // Items of a list may have blanks around them (RFC 9110 section 5.6.1).
      if (name === 'plivo' && how === 'a blank behind') continue
      const changed = withProof(delivery, signature, text)
      if (changed === undefined) return void t.fail('the proof stands nowhere')
      t.not(await judge(scheme, changed), 'signed', how)
    }
    const { raw, names } = delivery.headers
    const proofAt = raw.findIndex((value, place) => place % 2 === 1 && value.includes(signature))
    if (proofAt !== -1) {
      const line = raw.slice(proofAt - 1, proofAt + 1)
      t.not(await judge(scheme, { ...delivery, headers: new Headers([...raw, ...line]) }), 'signed', 'the header of the proof twice')
      t.not(await judge(scheme, { ...delivery, headers: new Headers(raw.toSpliced(proofAt - 1, 2)) }), 'signed', 'the header of the proof gone')
    }
    for (const header of scheme.headers.filter((header) => names.includes(header))) {
      const value = raw[names.indexOf(header) * 2 + 1] as string
      const twice = { ...delivery, headers: new Headers([...raw, header, `${value}0`]) }
      if (header !== 'x-amz-sns-message-type') t.not(await judge(scheme, twice), 'signed', `${header} twice, unlike`)
    }
    if (presetFacts(name)?.signs.includes('body') === true) {
      const { body } = delivery
      for (const [how, changed] of [['one byte more', Buffer.concat([body, Buffer.from('\n')])], ['one less', body.subarray(0, -1)], ['none', new Uint8Array()]] as const) {
        t.not(await judge(scheme, { ...delivery, body: changed }), 'signed', `a body of ${how}`)
      }
    }
    const { window } = scheme.facts
    if (window !== undefined) {
      t.not(await judge(scheme, { ...delivery, at: signedAt + window.past + 2_000 }), 'signed', 'too late')
      t.not(await judge(scheme, { ...delivery, at: signedAt - window.future - 2_000 }), 'signed', 'too early')
    }
    const wrongly = await byAnotherHash(one)
    t.equal(wrongly === undefined, secret === undefined, 'an HMAC over what explain shows')
    const changed = wrongly === undefined ? undefined : withProof(delivery, signature, wrongly)
    if (changed !== undefined) t.equal(await judge(scheme, changed), 'signature-mismatch', 'another algorithm of the same length')
  })
}
