import t from 'tap'
import { presetFacts } from '../../../src/schemes/preset-facts.ts'
import type { Verifiable } from '../../../src/schemes/reading.ts'
import type { Scheme } from '../../../src/schemes/scheme.ts'
import { everyBit } from '../../support/one-bit.ts'
import { verified, verifiedNames } from '../../support/verified.ts'

/**
 * As `../one-bit.test.ts`, for every preset of a built-in verifier: with any one bit of a good delivery changed, it is refused, or it proves exactly
 * what was proven before. Where the proof says nothing about the body, the body is part of what makes the delivery unique, and may differ.
 */
for (const name of verifiedNames) {
  t.test(name, async (t) => {
    const one = await verified(name)
    if (one === undefined) return void t.fail('nobody plays this sender')
    const proven = await provenBy(one.scheme, one.delivery)
    t.type(proven, 'string', 'it is signed')
    const silent = !(presetFacts(name)?.signs.some((part) => part === 'body' || part === 'part of the body') ?? true)
    const passed: string[] = []
    let refused = 0
    for (const { where, delivery } of bits(one.delivery, one.secret === undefined ? 11 : 3)) {
      const now = await provenBy(one.scheme, delivery)
      if (now === undefined) refused += 1
      else if (now !== proven && !(silent && where.startsWith('body '))) passed.push(where)
    }
    t.same(passed, [], `${refused} refused`)
    t.ok(refused > 0)
  })
}

/** One in so many, which is another bit of each byte in turn: they are dear. */
function* bits(delivery: Verifiable, step: number): ReturnType<typeof everyBit> {
  let count = 0
  for (const one of everyBit(delivery)) {
    count += 1
    if (count % step === 0) yield one
  }
}

/** Everything that passes on as proven; undefined where the delivery is refused, or its key cannot be had. */
async function provenBy(scheme: Scheme, delivery: Verifiable): Promise<string | undefined> {
  const verdict = await scheme.verify(delivery)
  if (verdict.verdict === 'refuse') return undefined
  const { material = [], at, id, key } = verdict.gain.signed ?? {}
  // A certificate is called by the URL that it came from; here every URL serves the same one.
  return JSON.stringify([Buffer.concat(material).toString('base64'), at, id, key?.startsWith('https:') === true ? '' : key])
}
