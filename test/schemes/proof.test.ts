import t from 'tap'
import { presetNames } from '../../src/schemes/presets.ts'
import { oracles } from '../support/oracles/index.ts'
import { senders } from '../support/senders/index.ts'
import { verifierParameters } from '../support/verifier-parameters.ts'
import { preset, providers } from '../support/vectors.ts'

/** Presets that are the scheme of another one under their own name: its vectors are theirs. */
const sameAs: Readonly<Record<string, string>> = { bitbucket: 'bitbucket-server', jenkins: 'github', activitypub: 'http-signatures-cavage' }

const presets = presetNames().map((name) => ({ name, document: preset(name, senders[name]?.parameters ?? verifierParameters[name]) }))
const provenBy = (how: string) => presets.filter(({ document }) => document.verifiedWith === how)

t.test('every preset is proven as it says', async (t) => {
  for (const { name } of provenBy('vector')) t.ok(providers.includes(sameAs[name] ?? name), `${name} has published messages`)
  // Atlassian's library has no verifier of one call; verifiers/query-hash.test.ts asks it for hashes and tokens.
  const elsewhere = ['atlassian-connect', 'atlassian-connect-lifecycle']
  for (const { name } of provenBy('sdk')) t.ok(oracles[name] ?? elsewhere.includes(name), `${name} is judged by the library of its sender`)
  for (const { name, document } of provenBy('document')) {
    t.ok(senders[name] ?? document.verifier, `${name} has a sender that was written a second time, here or in verifiers/`)
  }
  t.equal(provenBy('vector').length + provenBy('sdk').length + provenBy('document').length, presets.length)
})

t.test('a twin signs as the other', async (t) => {
  for (const [name, other] of Object.entries(sameAs)) {
    const [{ signature, message }, twin] = [preset(name), preset(other)]
    t.same({ signature, message }, { signature: twin.signature, message: twin.message }, `${name} is ${other}`)
    t.equal(preset(name).verifier?.kind, twin.verifier?.kind)
  }
})

t.test('what better proof there is, is told', async (t) => {
  // Braintree's only published message is a handshake.
  for (const name of providers.filter((provider) => presetNames().includes(provider) && provider !== 'braintree')) t.equal(preset(name).verifiedWith, 'vector', name)
  for (const name of Object.keys(oracles)) t.not(preset(name).verifiedWith, 'document', name)
})

t.test('there are enough', async (t) => {
  t.ok(presets.length >= 120, `${presets.length} presets`)
  const proven = provenBy('vector').length + provenBy('sdk').length
  t.ok(proven >= 55, `${proven} of them by a published message or the library of the sender`)
})

t.test('every preset says what it leaves open', async (t) => {
  for (const { name, document } of presets) {
    const { timestamp, id, risks = [], retired } = document
    if (document.verifier === undefined && (timestamp === undefined || id === undefined) && retired !== true) {
      t.ok(risks.length > 0 || timestamp !== undefined, `${name} signs no time and says so`)
    }
    for (const risk of risks) t.match(risk, /^\S.*\.$/, `${name}: a risk is a sentence`)
  }
})
