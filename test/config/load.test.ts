import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { checkConfiguration } from '../../src/cli/check.ts'
import { ConfigurationError } from '../../src/config/problems.ts'
import { secretText } from '../support/gateway.ts'
import { makeSite } from '../support/site.ts'
import { stillWorld } from '../support/world.ts'

/** Whatever stands in the file: it is good, or every mistake has a place and a mend. Nothing else ever comes out of the loader. */
const good = readFileSync(resolve(import.meta.dirname, '../golden/config/good.txt'), 'utf8').split('----------\n')[0] ?? ''
const site = await makeSite(t)
const world = stillWorld({ SECRET: secretText })

async function outcome(text: string | Uint8Array): Promise<'good' | 'told'> {
  const file = site.write('sallyport.yaml', text)
  try {
    await checkConfiguration(file, world)
    return 'good'
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    const strange = error.message.split('\n').filter((line) => !/^\/[^\n]*sallyport\.yaml:[1-9]\d*:[1-9]\d*( \S.*?)?: [^\n]+, [^\n]+$/.test(line))
    if (strange.length > 0) throw new Error(`not place, what and mend: ${strange.join('\n')}`, { cause: error })
    return 'told'
  }
}

void t.test('any text', async () => {
  await fc.assert(fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 200 }), async (text) => { await outcome(text) }), { numRuns: 200 })
})

void t.test('any bytes', async () => {
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => { await outcome(bytes) }), { numRuns: 100 })
})

void t.test('any tree in the place of any key', async () => {
  const tree = JSON.parse(JSON.stringify(await import('yaml').then(({ parse }) => parse(good) as unknown))) as unknown
  const places = [...pathsOf(tree, [])]
  const value = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom('__proto__', 'constructor', '*', '${x}', '-0', 1e308, -1, null, [[]], {}))
  await fc.assert(fc.asyncProperty(fc.constantFrom(...places), value, async (path, put) => {
    await outcome(JSON.stringify(replaced(tree, path, put)))
  }), { numRuns: 250 })
})

void t.test('a good file with a part cut out, doubled or scrambled', async (t) => {
  t.equal(await outcome(good), 'good')
  const edit = fc.tuple(fc.nat(good.length), fc.nat(30), fc.oneof(fc.constant(''), fc.string({ maxLength: 6 }), fc.constantFrom('\t', '&a ', '*a', '!!binary ', '? ', '---\n', '%YAML 9\n', '\u0000', '{', ']')))
  await fc.assert(fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 3 }), async (edits) => {
    await outcome(edits.reduce((text, [at, length, put]) => text.slice(0, at) + put + text.slice(at + length), good))
  }), { numRuns: 250 })
})

type Path = readonly (string | number)[]

function* pathsOf(value: unknown, path: Path): Generator<Path> {
  yield path
  if (typeof value !== 'object' || value === null) return
  for (const [key, one] of Object.entries(value)) yield* pathsOf(one, [...path, Array.isArray(value) ? Number(key) : key])
}

function replaced(value: unknown, [first, ...rest]: Path, put: unknown): unknown {
  if (first === undefined) return put
  if (Array.isArray(value)) return value.map((one: unknown, at) => (at === first ? replaced(one, rest, put) : one))
  return { ...(value as object), [first]: replaced((value as Record<string, unknown>)[first], rest, put) }
}
