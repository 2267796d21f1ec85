import fc from 'fast-check'
import t from 'tap'
import { EntryWriter, type Owner } from '../../src/nonces/entry.ts'
import { Holders } from '../../src/nonces/holders.ts'

const bits = fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xffffffff)

/** An entry of a claim behind some other words, as it stands in a page. */
function written(key: Uint8Array, { owner = [1, 2] as Owner, number = 7, ends = 5_000.125 } = {}): { words: Uint32Array; at: number } {
  const { words } = new EntryWriter(owner).claim(number, { key, print: key, passesUntil: undefined }, { now: 1, wall: 1, moment: 0, ends })
  return { words: Uint32Array.of(9, 9, 9, ...words), at: 3 }
}

function keyOf(words: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(words).buffer)
}

t.test('who has a nonce is found by all sixteen bytes of its key, and by nothing less', async (t) => {
  const key = fc.tuple(bits, bits, bits, bits)
  fc.assert(fc.property(key, key, (one, other) => {
    const holders = new Holders()
    const [first, second] = [written(keyOf(one)), written(keyOf(other))]
    holders.add(first.words, first.at)
    const found = holders.find(second.words, second.at)
    return (found !== undefined) === (one.join() === other.join()) && holders.find(first.words, first.at) === holders.all()[0]
  }))
  const key16 = Uint8Array.from({ length: 16 }, (_, at) => 240 + at)
  const holders = new Holders()
  const { words, at } = written(key16)
  holders.add(words, at)
  t.same([...holders.all()[0]?.key() ?? []], [...key16])
  t.equal(holders.all()[0]?.ends, 5_000.125)
})

t.test('a claim is of the owner and the number that stand in its entry', async () => {
  const author = fc.record({ owner: fc.tuple(bits, bits), number: bits })
  fc.assert(fc.property(author, author, (one, other) => {
    const holders = new Holders()
    const mine = written(keyOf([1, 2, 3, 4]), one)
    holders.add(mine.words, mine.at)
    const { words, at } = written(keyOf([1, 2, 3, 4]), other)
    return holders.find(words, at)?.made(words, at) === (one.owner.join() === other.owner.join() && one.number === other.number)
  }))
})

t.test('those that lapsed go, up to the first that stands', async (t) => {
  const holders = new Holders()
  for (const [at, ends] of [1_000, 3_000, 2_000].entries()) {
    const { words, at: place } = written(keyOf([at, 0, 0, 0]), { ends })
    holders.add(words, place)
  }
  holders.dropLapsed(999)
  t.equal(holders.all()[0]?.ends, 1_000)
  t.equal(holders.size, 3)
  holders.dropLapsed(2_000)
  t.equal(holders.all()[0]?.ends, 3_000)
  t.equal(holders.size, 2, 'one that came later lapses later, or a little later than it could')
  holders.dropLapsed(3_000)
  t.equal(holders.size, 0)
})
