import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { Headers } from '../../../src/core/headers.ts'
import { compileScheme } from '../../../src/schemes/compile.ts'
import { presetNames } from '../../../src/schemes/presets.ts'
import { verifierOf } from '../../../src/schemes/verifiers/index.ts'
import type { Scheme } from '../../../src/schemes/scheme.ts'
import { senders } from '../../support/senders/index.ts'
import { verifierParameters } from '../../support/verifier-parameters.ts'
import { preset, written } from '../../support/vectors.ts'

/** No delivery makes a built-in verifier throw, and none of these is signed. */

const pem = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'pem' }) as string
const raw = 'ab'.repeat(32)

/** Tries secrets and keys until the preset takes them. */
function scheme(name: string): Scheme | undefined {
  const choices = [{ secrets: written([raw], 'k'), keys: [] }, { secrets: [], keys: written([pem]) }, { secrets: [], keys: written([raw]) }, { secrets: [], keys: [] }]
  for (const keys of choices) {
    const one = compileScheme(preset(name, senders[name]?.parameters ?? verifierParameters[name]), keys, {
      publicUrl: 'https://hooks.example.com/in', fetcher: { fetch: () => Promise.resolve(Buffer.from(pem)) },
    }, () => undefined)
    if (one !== undefined) return one
  }
  return undefined
}

const names = presetNames().filter((name) => preset(name, senders[name]?.parameters ?? verifierParameters[name]).verifier !== undefined)
const text = fc.oneof(
  fc.string(), fc.array(fc.constantFrom(...'{}[]":,=.-_ eyJhbGciOiJub25lIn0')).map((all) => all.join('')),
  fc.constantFrom('eyJhbGciOiJIUzI1NiJ9.e30.AAAA', 'eyJhbGciOiJSUzUxMiJ9..AAAA', 'ts=1767225600000,v1=00', 'Bearer eyJhbGciOiJSUzI1NiJ9.e30.AAAA', '1767225600000'),
)

for (const name of names) {
  t.test(name, async (t) => {
    const one = scheme(name)
    t.ok(one, 'can be set up')
    const { verifier } = preset(name, senders[name]?.parameters ?? verifierParameters[name])
    const headers = verifier === undefined ? [] : verifierOf(verifier).headers(verifier)
    const line = fc.tuple(fc.constantFrom('x', ...headers), text)
    const body = fc.oneof(fc.uint8Array(), text.map((value) => Buffer.from(value)), fc.json().map((value) => Buffer.from(value)))
    await fc.assert(fc.asyncProperty(fc.array(line, { maxLength: 8 }), body, fc.option(text, { nil: undefined }), async (lines, bytes, query) => {
      const verdict = await one?.verify({ method: 'POST', path: '/in', query, headers: new Headers(lines.flat()), body: bytes, at: 1_767_225_600_000 })
      return verdict?.verdict === 'refuse'
    }), { numRuns: 300 })
  })
}
