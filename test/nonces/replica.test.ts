import fc from 'fast-check'
import t from 'tap'
import { EntryWriter } from '../../src/nonces/entry.ts'
import type { Header } from '../../src/nonces/header.ts'
import { withoutEnded, type Segment } from '../../src/nonces/journal.ts'
import { recordWords, writeNonce } from '../../src/nonces/record.ts'
import { Replica } from '../../src/nonces/replica.ts'
import { Lifetime } from '../../src/nonces/segment.ts'
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

const head: Header = { run: '00'.repeat(8), boot: '01'.repeat(8), writers: 'shared', ended: 0, time: 0, now: 0, moment: 0 }

const entry: fc.Arbitrary<Line> = fc.record<Line>({
  kind: fc.constantFrom('claim', 'commit', 'release'), owner: fc.nat(2), number: fc.nat(2), id: fc.constantFrom('a', 'b', 'c'),
  now: fc.nat(2_000), moment: fc.nat(2_000), length: fc.nat(1_000),
})

function written({ kind, owner, number, id, now, moment, length }: Line): Uint32Array {
  const writer = new EntryWriter([owner, 0])
  const nonce = nonceOf(id)
  if (kind === 'claim') writer.claim(number, nonce, { now, wall: now, moment, ends: moment + length })
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

void t.test('whoever comes later and finds only the files that are left has the same', (t) => {
  const files = fc.array(fc.array(entry, { maxLength: 12 }), { minLength: 2, maxLength: 8 })
  fc.assert(fc.property(files, fc.nat(6), (all, comes) => {
    const first = new Replica(1_000)
    let left: readonly (Segment & { readonly head: Header; readonly lines: readonly Line[] })[] = []
    let later: Replica | undefined
    const past: { readonly head: Header; readonly lines: Line[] }[] = []
    for (const [nth, lines] of all.entries()) {
      const header = { ...head, time: first.time, now: first.time, moment: first.moment }
      for (const replica of [first, later]) replica?.begin(header)
      const before = readAll(past)
      past.push({ head: header, lines: [] })
      const lifetime = new Lifetime()
      for (const line of lines) {
        const words = written(line)
        // Nobody writes what the files before refuse (`SharedLog.tell`).
        if (before.foresee(words, 0) !== 'yes' && first.foresee(words, 0) !== 'yes') continue
        past.at(-1)?.lines.push(line)
        lifetime.add(words, 0)
        const verdict = JSON.stringify(first.apply(words, 0))
        if (later !== undefined && verdict !== JSON.stringify(later.apply(words, 0))) throw new Error(`disagree on ${JSON.stringify(line)}`)
      }
      const files = [...left, { path: String(nth), until: lifetime.until, ends: lifetime.ends, head: header, lines: past.at(-1)?.lines ?? [] }]
      const paths = withoutEnded(files, { now: first.time, moment: first.moment }, () => true).map(({ path }) => path)
      left = files.filter(({ path }) => paths.includes(path))
      if (nth === comes) later = readAll(left)
    }
  }), { numRuns: 3_000 })
  t.pass('always')
  t.end()

  function readAll(files: readonly { readonly head: Header; readonly lines: readonly Line[] }[]): Replica {
    const replica = new Replica(1_000)
    for (const file of files) {
      replica.begin(file.head)
      for (const line of file.lines) replica.apply(written(line), 0)
    }
    return replica
  }
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
  replica.begin({ ...head, moment: 900 })
  const line = { now: 1_000, moment: 1_000, length: 500, owner: 1 }
  replica.apply(written({ ...line, kind: 'claim', id: 'a', number: 1 }), 0)
  replica.apply(written({ ...line, kind: 'claim', id: 'b', number: 2 }), 0)
  replica.apply(written({ ...line, kind: 'commit', id: 'b', number: 2 }), 0)
  replica.begin({ ...head, boot: '02'.repeat(8), moment: 0 })
  const record = new Uint32Array(recordWords)
  writeNonce(record, nonceOf('a'))
  t.equal(replica.look(record, { now: 1_000, moment: 0 }), 'yes')
  writeNonce(record, nonceOf('b'))
  t.match(replica.look(record, { now: 1_000, moment: 0 }), { status: 200, material: 'same' })
  t.end()
})
