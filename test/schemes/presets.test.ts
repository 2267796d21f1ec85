import t from 'tap'
import { nearestPresets, presetNames, presetText, resolvePreset } from '../../src/schemes/presets.ts'
import { senders } from '../support/senders/index.ts'
import { verifierParameters } from '../support/verifier-parameters.ts'
import { compiled, deliveryOf, judge, keysOf, preset, providers, vectorsOf } from '../support/vectors.ts'

const parameters = (name: string) => senders[name]?.parameters ?? verifierParameters[name]

t.test('every preset is complete', async (t) => {
  for (const name of presetNames()) {
    const { title, docs, checked, verifiedWith, retain } = preset(name, parameters(name))
    t.ok(title && docs && checked && verifiedWith && retain > 0, `${name} says what it is, and how it was proven`)
    t.equal(name, name.toLowerCase())
  }
})

t.test('published messages', async (t) => {
  // The standards' own samples cover less than a policy must ask, and are judged in verifiers/vectors.test.ts; Braintree's is a handshake.
  const apart = ['rfc9421', 'http-signatures-cavage', 'braintree']
  for (const provider of providers.filter((name) => presetNames().includes(name) && !apart.includes(name))) {
    for (const vector of vectorsOf(provider)) {
      const { scheme, problems } = compiled(preset(provider), keysOf(vector), vector.url)
      if (scheme === undefined) {
        t.fail(`${provider}: ${vector.name}`, { problems })
        continue
      }
      const said = await judge(scheme, deliveryOf(vector))
      t.equal(said === 'signed' ? 'valid' : 'invalid', vector.expect, `${provider}: ${vector.name}: ${said}`)
    }
  }
})

t.test('names', async (t) => {
  t.same(nearestPresets('githb').slice(0, 1), ['github'])
  t.same(nearestPresets('twitter').slice(0, 1), ['x'])
  t.same(nearestPresets('WhatsApp').slice(0, 1), ['meta'])
  t.same(nearestPresets('hellosign').slice(0, 1), ['dropbox-sign'])
  t.same(nearestPresets('qqqqqqqqqqqqqq'), [])
  t.equal(presetText('../../package'), undefined, 'a name is no path')
  t.equal(presetText('__proto__'), undefined)
  t.equal(resolvePreset('no-such-sender'), undefined)
  t.match(presetText('stripe'), /title: Stripe/)
})

t.test('parameters', async (t) => {
  t.same(resolvePreset('hmac'), { unknown: [], missing: ['header'], invalid: undefined })
  t.same(resolvePreset('github', { header: 'X' }), { unknown: ['header'], missing: [], invalid: undefined })
  t.match(resolvePreset('hmac', { header: 'X-S', algorithm: 'rot13' }), { invalid: /signature/ })
  t.match(resolvePreset('hmac', { header: 'X-S', prefix: 'v1=', template: '{path}{body}' }), {
    document: { signature: { header: 'X-S', prefix: 'v1=', algorithm: 'hmac-sha256', encoding: 'hex' }, message: '{path}{body}' },
  })
})

t.test('a preset that extends another takes its keys, and its own stand in their place', async (t) => {
  const [svix, standard] = [preset('svix'), preset('standard-webhooks')]
  t.equal(svix.message, standard.message)
  t.same(svix.id, { ...standard.id, header: 'svix-id' })
  t.equal(svix.title, 'Svix')
})
