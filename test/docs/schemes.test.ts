import { readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import { z } from 'zod'
import { algorithms } from '../../src/schemes/algorithms/index.ts'
import { schemeSchema } from '../../src/schemes/document.ts'
import { encodings } from '../../src/schemes/encoding.ts'
import { keyForms } from '../../src/schemes/keys.ts'
import { parsePublicUrl } from '../../src/schemes/public-url.ts'
import { planScheme } from '../../src/schemes/plan.ts'
import { signatureSettings } from '../../src/schemes/settings.ts'
import { sourceFields } from '../../src/schemes/source.ts'
import { filterNames, namedPlaces, plainNames } from '../../src/schemes/template-text.ts'
import { timeUnits } from '../../src/schemes/time-text.ts'
import { verifierSchema } from '../../src/schemes/verifiers/index.ts'

/** docs/schemes.md: its examples are loaded, and every word of the language is in it. */
const page = readFileSync(new URL('../../docs/schemes.md', import.meta.url), 'utf8')

t.test('the examples are schemes', async (t) => {
  const blocks = [...page.matchAll(/```yaml\n([^]*?)```/g)].map(([, text]) => text ?? '')
  t.equal(blocks.length, 2)
  for (const block of blocks) {
    const settings = signatureSettings.parse(parse(block))
    const told: string[] = []
    t.ok(settings.scheme && planScheme(settings.scheme, settings.publicUrl, ({ what }) => told.push(what)), told.join())
    t.ok(settings.publicUrl === undefined || parsePublicUrl(settings.publicUrl))
  }
})

t.test('every word of the language is told', async (t) => {
  const words = [
    ...Object.keys(schemeSchema.shape), ...Object.keys(sourceFields), ...Object.keys(signatureSettings.shape),
    ...encodings, ...keyForms, ...timeUnits, ...filterNames, ...algorithms.map(({ name }) => name),
    ...verifierSchema.options.map((option) => z.toJSONSchema(option.shape.kind).const as string),
  ]
  for (const word of new Set(words)) t.ok(page.includes(`\`${word}\``) || page.includes(`\`${word}: `), word)
  for (const name of plainNames) t.ok(page.includes(`{${name}}`), `{${name}}`)
  for (const name of namedPlaces) t.ok(page.includes(`{${name}:`), `{${name}:…}`)
})

t.test('every field says what it is', async (t) => {
  const described = (name: string, schema: unknown) => t.ok((schema as z.ZodType).description, `${name} is described`)
  for (const [name, schema] of Object.entries({ ...schemeSchema.shape, ...sourceFields, ...signatureSettings.shape })) if (name !== 'scheme') described(name, schema)
  for (const option of verifierSchema.options) for (const [name, schema] of Object.entries(option.shape)) described(`${option.shape.kind.description} ${name}`, schema)
})
