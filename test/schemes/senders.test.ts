import fc from 'fast-check'
import t, { type Test } from 'tap'
import { algorithm } from '../../src/schemes/algorithms/index.ts'
import { signaturesOf } from '../../src/schemes/plan.ts'
import { presetNames } from '../../src/schemes/presets.ts'
import type { Scheme } from '../../src/schemes/scheme.ts'
import { compileSign } from '../../src/schemes/sign.ts'
import { send } from '../support/sender.ts'
import { senders } from '../support/senders/index.ts'
import { makeKey } from '../support/senders/parcel.ts'
import { keysOf, post, publicUrl, type Posted } from '../support/senders/post.ts'
import { spoilt } from '../support/spoils.ts'
import { verifierParameters } from '../support/verifier-parameters.ts'
import { compiled, judge, preset } from '../support/vectors.ts'

/**
 * Every preset meets its sender, who was written a second time with node:crypto alone (`test/support/senders/`). What the
 * sender signs passes; spoilt in any way it does not; and what our own engine signs for the preset passes too.
 */
for (const name of presetNames()) {
  t.test(name, async (t) => {
    const posted = post(name)
    if (posted === undefined) {
      t.ok(preset(name, verifierParameters[name]).verifier, `${name} has a sender in test/support/senders, or a built-in verifier with tests of its own`)
      return
    }
    const scheme = compile(name, posted)
    t.equal(await judge(scheme, posted.delivery), 'signed', 'what the sender signed passes')
    t.equal(await signedByUs(name, posted, scheme), 'signed', 'and what we sign')
    for (const [how, delivery] of spoilt(posted.delivery, scheme)) {
      const said = await judge(scheme, delivery)
      if (!stillGood(scheme, how)) t.not(said, 'signed', `${how}: ${said}`)
    }
    await wrongAlgorithm(t, name, posted, scheme)
    await otherKeys(t, name, posted)
    await anyBody(t, name, posted, scheme)
  })
}

t.test('no sender without a preset', async (t) => {
  t.same(Object.keys(senders).filter((name) => !presetNames().includes(name)), [])
})

function compile(name: string, { sender, keys }: Pick<Posted, 'sender' | 'keys'>): Scheme {
  const { scheme, problems } = compiled(preset(name, sender.parameters), keys, publicUrl)
  if (scheme === undefined) throw new Error(`${name}: ${JSON.stringify(problems)}`)
  return scheme
}

/** Another spelling that is the same on purpose: one of several signatures stays good. */
const stillGood = ({ document }: Scheme, how: string) => {
  const signatures = signaturesOf(document)
  const spelled = how.startsWith('base64') && signatures.some(({ encoding, header }) => encoding === 'base64' && header === signatures[0]?.header)
  return (how.endsWith('gone') && new Set(signatures.map(({ header }) => header)).size > 1) || (spelled && signatures.length > 1)
}

/** Signed by our own side of the engine, with the same key; `signed` where nothing can be put into the body from outside. */
async function signedByUs(name: string, { sender, key, delivery }: Posted, scheme: Scheme): Promise<string> {
  const text = key.private?.export({ type: 'pkcs8', format: 'pem' }) as string | undefined ?? key.written
  const sign = compileSign(preset(name, sender.parameters), Buffer.from(text), key.kind, publicUrl, () => undefined)
  if (sign === undefined) return 'signed'
  const kept = delivery.headers.raw.filter((_, at, raw) => {
    const name = raw[at - at % 2] as string
    return isPlain(name) || !scheme.headers.includes(name.toLowerCase())
  })
  return await judge(scheme, send(sign, { ...delivery, query: undefined, headers: kept, id: '2b1a-1f', keyId: 'key-1' }))
}

/** Signed headers that only the sender can fill: they stand in the message by their own names. */
const isPlain = (header: string) => ['Klaviyo-Timestamp', 'X-Metronome-Date', 'x-fal-webhook-user-id'].includes(header)

async function wrongAlgorithm(t: Test, name: string, { sender, key }: Posted, scheme: Scheme): Promise<void> {
  if (signaturesOf(scheme.document).some((signature) => signature.algorithm === 'token' || signature.algorithm === 'hmac-md5')) return
  const wrong = post(name, { key, wrongly: true })
  t.not(wrong && await judge(scheme, wrong.delivery), 'signed', `another algorithm of the same length, ${sender.key}`)
}

async function otherKeys(t: Test, name: string, { sender, key, delivery }: Posted): Promise<void> {
  const other = makeKey(sender.key)
  t.not(await judge(compile(name, { sender, keys: keysOf(other) }), delivery), 'signed', 'another key')
  t.equal(await judge(compile(name, { sender, keys: keysOf(other, key) }), delivery), 'signed', 'the right key beside another')
}

/** Any text in the body, any time: signed it passes, and one bit of what is signed changed it does not. */
async function anyBody(t: Test, name: string, { sender, key }: Posted, scheme: Scheme): Promise<void> {
  const slow = algorithm(signaturesOf(scheme.document)[0]?.algorithm ?? '')?.keys === 'public'
  const property = fc.asyncProperty(fc.string({ unit: 'binary' }), fc.integer({ min: 1e12, max: 2e12 }), fc.nat(), async (text, at, bit) => {
    const posted = post(name, { key, text: JSON.stringify(text), at })
    if (posted === undefined || await judge(scheme, posted.delivery) !== 'signed') return false
    if (sender.covers !== 'body') return true
    const body = Uint8Array.from(posted.delivery.body)
    const place = bit % (body.length * 8)
    body[place >> 3] = (body[place >> 3] as number) ^ (1 << (place & 7))
    return await judge(scheme, { ...posted.delivery, body }) !== 'signed'
  })
  await fc.assert(property, { numRuns: slow ? 4 : 20 })
  t.pass('whatever is in the body')
}
