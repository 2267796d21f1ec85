import t from 'tap'
import { StoreUnavailable } from '../../src/core/nonce.ts'
import { recordWords, writeNonce, writeOutcome } from '../../src/nonces/record.ts'
import { Room } from '../../src/nonces/room.ts'
import { NonceTable } from '../../src/nonces/table.ts'
import { nonceOf } from '../contracts/store.ts'

function tableOf(untils: readonly number[], expected: number): NonceTable {
  const table = new NonceTable(expected)
  for (const [at, until] of untils.entries()) {
    const record = new Uint32Array(recordWords)
    writeNonce(record, nonceOf(`${at}`))
    writeOutcome(record, { status: 200, until })
    table.put(record, 0)
  }
  return table
}

t.test('what is claimed and what is accepted take room, and what has expired gives it back', async (t) => {
  const room = new Room(3)
  const table = tableOf([1_000, 2_000], 3)
  t.notOk(room.isFull(table, 0))
  t.ok(room.isFull(table, 1))
  t.throws(() => room.make(table, 1, { now: 999, moment: 0 }), StoreUnavailable)
  t.throws(() => room.make(table, 1, { now: 1_000, moment: 99 }), StoreUnavailable, 'looked through a moment ago')
  t.notOk(room.isDue(99))
  t.ok(room.isDue(100))
  room.make(table, 1, { now: 1_000, moment: 100 })
  t.notOk(room.isFull(table, 1))
  t.equal(table.size, 1)
})

t.test('one asks for some parts of a large table only, the next one for others', async (t) => {
  const room = new Room(10_000)
  const table = tableOf(Array.from({ length: 10_000 }, () => 1_000), 2 ** 20)
  t.equal(table.partCount, 256)
  t.ok(room.isFull(table, 0))
  room.make(table, 0, { now: 1_000, moment: 0 })
  t.ok(table.size > 9_000, 'as soon as there is room it is enough')
  let asked = 0
  for (; asked < 64; asked++) t.throws(() => room.make(table, 20_000, { now: 1_000, moment: 0 }), StoreUnavailable)
  t.equal(table.size, 0, 'four parts each time')
})
