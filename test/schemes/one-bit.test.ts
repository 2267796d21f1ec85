import t from 'tap'
import { signaturesOf } from '../../src/schemes/plan.ts'
import { presetNames } from '../../src/schemes/presets.ts'
import type { Verifiable } from '../../src/schemes/reading.ts'
import type { Scheme } from '../../src/schemes/scheme.ts'
import { everyBit } from '../support/one-bit.ts'
import { post, type Posted } from '../support/senders/post.ts'
import { compiled, preset } from '../support/vectors.ts'

/**
 * What an independent sender signed, with any one bit of it changed: the method, the path, the query, every header, the body.
 * Whatever the bit, either the delivery is refused or it proves exactly what was proven before: the same bytes, the same
 * time, the same id. So whatever the signature covers cannot be changed, and nothing that it does not cover becomes part of
 * what is proven. The path is signed as it comes: `publicUrl` ends in a star.
 */
for (const name of presetNames()) {
  const posted = post(name, { text: '1' })
  if (posted === undefined) continue
  t.test(name, async (t) => {
    const scheme = compile(name, posted)
    const proven = provenBy(scheme, posted.delivery)
    t.type(proven, 'string', 'it is signed')
    const token = signaturesOf(scheme.document).some((signature) => signature.algorithm === 'token')
    const counts = { refused: 0, same: 0 }
    const passed: string[] = []
    for (const { where, delivery } of bits(posted)) {
      const now = provenBy(scheme, delivery, token)
      if (now === undefined) counts.refused += 1
      else if (now === (token ? '' : proven)) counts.same += 1
      else passed.push(where)
    }
    t.same(passed, [], `${counts.refused} refused, ${counts.same} say the same`)
    t.ok(counts.refused > 0)
  })
}

function compile(name: string, { sender, keys }: Posted): Scheme {
  const { scheme, problems } = compiled(preset(name, sender.parameters), keys, 'https://hooks.example.com/*')
  if (scheme === undefined) throw new Error(`${name}: ${JSON.stringify(problems)}`)
  return scheme
}

/** All of them; one in eleven where a public key makes each of them dear, which is another bit of each byte in turn. */
function* bits({ sender, delivery }: Posted): ReturnType<typeof everyBit> {
  const dear = /rsa|p256|ed25519/.test(sender.key)
  let count = 0
  for (const one of everyBit(delivery)) {
    count += 1
    if (!dear || count % 11 === 0) yield one
  }
}

/** Everything that passes on as proven; undefined where the delivery is refused. A token proves nothing but itself. */
function provenBy(scheme: Scheme, delivery: Verifiable, token = false): string | undefined {
  const verdict = scheme.verify(delivery)
  if ('then' in verdict) throw new Error('a scheme of the language answers at once')
  if (verdict.verdict === 'refuse') return undefined
  const { material = [], at, id, key } = verdict.gain.signed ?? {}
  return token ? '' : JSON.stringify([Buffer.concat(material).toString('base64'), at, id, key])
}

t.test('the bits are all there', async (t) => {
  const [{ delivery }] = [post('slack') as Posted]
  const { method, path, query, headers, body } = delivery
  const letters = [method, path, query ?? '', ...headers.raw].reduce((sum, text) => sum + text.length, body.length)
  t.equal([...everyBit(delivery)].length, letters * 8)
})
