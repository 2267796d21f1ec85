import { X509Certificate } from 'node:crypto'
import { resolve } from 'node:path'
import t, { type Test } from 'tap'
import { ensureDevelopmentCertificates } from '../../src/cli/certs.ts'
import { runPolicyTests } from '../../src/explain/policy-test.ts'
import { systemWorld } from '../../src/world.ts'
import { furnish, furnishSecrets, put, readShipped, shipped, testsOf } from '../support/examples.ts'
import { makePki } from '../support/pki.ts'

/** Every configuration that ships carries policy tests, and they hold. */

void t.test('the configuration of `npm start`', async (t) => {
  const directory = t.testdir({ certs: {} })
  await ensureDevelopmentCertificates(resolve(directory, 'certs'))
  put(directory, 'certs/example.secret', 'the secret of the example\n')
  const [file] = shipped as readonly [string]
  const [configuration, tests] = [file, testsOf(file)].map((name) => put(directory, name, readShipped(name)))
  await hold(t, tests as string, configuration as string)
})

for (const file of shipped.slice(1)) {
  void t.test(file, async (t) => {
    const directory = t.testdir({})
    const { ca } = await makePki()
    const names = { partner: 'dns:hooks.partner.example', other: 'dns:hooks.other.example', bank: 'dns:bank.example' }
    const fingerprints: Record<string, string> = {}
    for (const [name, san] of Object.entries(names)) {
      const { chain } = await ca.client({ cn: name, names: [san] })
      put(directory, `certificates/${name}.pem`, chain)
      fingerprints[name] = new X509Certificate(chain).fingerprint256.replaceAll(':', '').toLowerCase()
    }
    const yaml = readShipped(file).replace(/sha256:[0-9a-f]{64}/, `sha256:${fingerprints['bank']}`)
    const configuration = put(directory, 'configuration.yaml', await furnish(directory, yaml, ca))
    await hold(t, put(directory, 'tests.yaml', furnishSecrets(directory, readShipped(testsOf(file)))), configuration)
  })
}

async function hold(t: Test, tests: string, configuration: string): Promise<void> {
  const results = await runPolicyTests(tests, configuration, systemWorld)
  if ('mistake' in results) return void t.fail(results.mistake)
  t.ok(results.length >= 5, 'there are some')
  for (const { name, differences } of results) t.same(differences, [], name)
}
