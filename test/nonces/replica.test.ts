import fc from 'fast-check'
import t from 'tap'
import { EntryWriter } from '../../src/nonces/entry.ts'
import { recordWords, writeNonce } from '../../src/nonces/record.ts'
import { Replica } from '../../src/nonces/replica.ts'
import { nonceOf } from '../contracts/store.ts'

interface Line {
  readonly kind: 'claim' | 'commit' | 'release'
  readonly owner: number
  readonly number: number
  readonly id: string
  readonly now: number
  readonly moment: number
  readonly length: number
}

const entry: fc.Arbitrary<Line> = fc.record<Line>({
  kind: fc.constantFrom('claim', 'commit', 'release'), owner: fc.nat(2), number: fc.nat(2), id: fc.constantFrom('a', 'b', 'c'),
  now: fc.nat(2_000), moment: fc.nat(2_000), length: fc.nat(1_000),
})

function written({ kind, owner, number, id, now, moment, length }: Line): Uint32Array {
  const writer = new EntryWriter([owner, 0])
  const nonce = nonceOf(id)
  if (kind === 'claim') writer.claim(number, nonce, { now, moment, ends: moment + length })
  else if (kind === 'commit') writer.commit(number, nonce, { status: 200, until: now + length })
  else writer.release(number, nonce, moment)
  return writer.words.slice()
}

void t.test('whoever reads the same has the same, whatever was dropped meanwhile and whatever time the entries tell', (t) => {
  fc.assert(fc.property(fc.array(entry, { maxLength: 200 }), (lines) => {
    const one = new Replica(1_000)
    const other = new Replica(1_000)
    for (const line of lines) {
      const words = written(line)
      const first = one.apply(words, 0)
      // One of the two is rid of what has ended at once, the other whenever it comes to it.
      other.table.sweep(other.time)
      if (JSON.stringify(first) !== JSON.stringify(other.apply(words, 0))) throw new Error(`disagree on ${JSON.stringify(line)}`)
    }
  }), { numRuns: 500 })
  t.pass('always')
  t.end()
})

void t.test('a claim that was granted is settled by its owner alone, under its number', (t) => {
  const line = { id: 'a', now: 1_000, moment: 1_000, length: 500 }
  const cases = [
    ['its owner', { owner: 1, number: 7 }, 'yes'], ['another', { owner: 2, number: 7 }, 'no'], ['an earlier claim of its owner', { owner: 1, number: 6 }, 'no'],
  ] as const
  for (const [who, as, verdict] of cases) {
    for (const kind of ['commit', 'release'] as const) {
      const replica = new Replica(1_000)
      t.equal(replica.apply(written({ ...line, kind: 'claim', owner: 1, number: 7 }), 0), 'yes')
      t.equal(replica.apply(written({ ...line, kind, ...as }), 0), verdict, `${kind} by ${who}`)
    }
  }
  t.end()
})

void t.test('another start of the machine: nothing is under way, what was accepted stays', (t) => {
  const replica = new Replica(1_000)
  const line = { now: 1_000, moment: 1_000, length: 500, owner: 1 }
  replica.apply(written({ ...line, kind: 'claim', id: 'a', number: 1 }), 0)
  replica.apply(written({ ...line, kind: 'claim', id: 'b', number: 2 }), 0)
  replica.apply(written({ ...line, kind: 'commit', id: 'b', number: 2 }), 0)
  replica.reboot()
  const record = new Uint32Array(recordWords)
  writeNonce(record, nonceOf('a'))
  t.equal(replica.look(record, 1_000, 0), 'yes')
  writeNonce(record, nonceOf('b'))
  t.match(replica.look(record, 1_000, 0), { status: 200, material: 'same' })
  t.end()
})
