import fc from 'fast-check'
import t from 'tap'
import { fieldName, lowerName } from '../../src/core/field-name.ts'

const token = fc.string({ unit: fc.constantFrom(...'!#$%&\'*+-.^_`|~09azAZ'), maxLength: 70 })

t.test('always the letters that stand there, however many names came before', async () => {
  fc.assert(fc.property(fc.array(fc.tuple(token, fc.nat(5)), { maxLength: 60, size: 'max' }), (names) => {
    const head = names.map(([name, gap]) => name + ':'.repeat(gap)).join('')
    let at = 0
    return names.every(([name, gap]) => {
      const from = at
      at += name.length + gap
      return fieldName(head, from, from + name.length) === name
    })
  }), { numRuns: 300 })
})

t.test('names of one place in turn, and prefixes of one another', (t) => {
  // One length, the same first, middle and last letter: they take the same place.
  for (const name of ['X-aaaa-Z', 'X-aaba-Z', 'X-aaca-Z', 'X-aaaa-Z', 'X', 'X-', 'X-aaaa', '']) t.equal(fieldName(`${name}: 1`, 0, name.length), name)
  t.end()
})

t.test('in small letters, as the language has it', (t) => {
  fc.assert(fc.property(fc.oneof(token, fc.string({ maxLength: 60 })), (name) => (
    [lowerName(name), lowerName(name)].every((one) => one === name.toLowerCase())
  )), { numRuns: 1_000 })
  for (let at = 0; at < 2_000; at++) t.equal(lowerName(`X-${at}`), `x-${at}`)
  t.end()
})
