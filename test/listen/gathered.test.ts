import fc from 'fast-check'
import t from 'tap'
import { Gathered } from '../../src/listen/gathered.ts'

void t.test('parts of any length, with any expectation, are the bytes in their order', (t) => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 6_000 }), { maxLength: 12 }), fc.nat({ max: 9_000 }), (parts, expected) => {
    const gathered = new Gathered()
    for (const part of parts) gathered.add(part, expected)
    const should = Buffer.concat(parts)
    return gathered.length === should.length && should.equals(gathered.whole())
  }))
  t.end()
})

void t.test('one part is not copied', (t) => {
  const gathered = new Gathered()
  t.equal(gathered.whole().length, 0)
  const part = Uint8Array.of(1, 2)
  gathered.add(part, 2)
  t.equal(gathered.whole(), part)
  t.end()
})
