import t from 'tap'
import { Batch } from '../../src/nonces/batch.ts'
import { entryBytes, EntryWriter } from '../../src/nonces/entry.ts'
import type { Verdict } from '../../src/nonces/replica.ts'
import { nonceOf } from '../contracts/store.ts'

const owner = [1, 2] as const

function release(number: number): Uint32Array {
  return new EntryWriter(owner).release(number, nonceOf(`${number}`), 0).words
}

/** A batch with the entries of these claims, and what each has heard. */
function filled(count: number) {
  const batch = new Batch()
  const heard: [number, Verdict | Error][] = []
  for (let number = 0; number < count; number++) {
    batch.add(release(number), { decided: (verdict) => { heard.push([number, verdict]) }, failed: (error) => { heard.push([number, error as Error]) } })
  }
  return { batch, heard }
}

const numbersIn = ({ bytes }: Batch): number[] => Array.from({ length: bytes.length / entryBytes }, (_, at) => bytes[at * entryBytes + 52] as number)

t.test('entries leave from the front as they are decided, and what is left is still in a row', async (t) => {
  const { batch, heard } = filled(3)
  t.same(numbersIn(batch), [0, 1, 2])
  t.ok(batch.begins(release(0), 0))
  t.notOk(batch.begins(release(1), 0), 'not its turn yet')
  t.notOk(batch.begins(new EntryWriter([1, 3]).release(0, nonceOf('0'), 0).words, 0), 'somebody else’s')
  t.notOk(batch.begins(new EntryWriter(owner).commit(0, nonceOf('0'), { status: 200, until: 1 }).words, 0), 'another kind')
  batch.decide('yes')
  t.same(numbersIn(batch), [1, 2])
  t.ok(batch.begins(release(1), 0))
  batch.decide('no')
  batch.decide('yes')
  t.same(heard, [[0, 'yes'], [1, 'no'], [2, 'yes']])
  t.equal(batch.size, 0)
  t.notOk(batch.begins(release(2), 0), 'nobody waits')
})

t.test('it is full at 64, and empty again when all have left', async (t) => {
  const { batch, heard } = filled(64)
  t.ok(batch.isFull)
  for (let nth = 0; nth < 63; nth++) batch.decide('yes')
  t.ok(batch.isFull, 'there is no room behind the last')
  batch.decide('yes')
  t.notOk(batch.isFull)
  t.equal(heard.length, 64)
})

t.test('what would be refused leaves unwritten, from wherever it stands', async (t) => {
  const { batch, heard } = filled(5)
  batch.decide('yes')
  const foresee = (words: Uint32Array, at: number): Verdict => ([1, 3].includes(words[at + 13] as number) ? 'in-flight' : 'yes')
  t.ok(batch.isRefused(foresee))
  batch.refuse(foresee)
  t.notOk(batch.isRefused(foresee))
  t.same(heard, [[0, 'yes'], [1, 'in-flight'], [3, 'in-flight']])
  t.same(numbersIn(batch), [2, 4])
  batch.decide('yes')
  batch.decide('no')
  t.same(heard.slice(3), [[2, 'yes'], [4, 'no']])
})

t.test('where nothing comes of them, each hears why, once, and others may wait then', async (t) => {
  const { batch, heard } = filled(3)
  batch.decide('yes')
  const error = new Error('the disk is full')
  batch.fail(error)
  t.same(heard, [[0, 'yes'], [1, error], [2, error]])
  t.equal(batch.size, 0)
  batch.add(release(9), { decided: (verdict) => { heard.push([9, verdict]) }, failed: () => undefined })
  batch.decide('no')
  t.same(heard.at(-1), [9, 'no'])
})
