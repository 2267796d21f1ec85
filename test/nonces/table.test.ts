import fc from 'fast-check'
import t from 'tap'
import { recordWords, statusOf, untilOf, writeNonce, writeOutcome } from '../../src/nonces/record.ts'
import { NonceTable } from '../../src/nonces/table.ts'
import { nonceOf } from '../contracts/store.ts'
import { collectAll } from '../support/garbage.ts'

function recordOf(id: number, until: number, status = 200, material = 'm'): Uint32Array {
  const record = new Uint32Array(recordWords)
  writeNonce(record, nonceOf(String(id), material))
  writeOutcome(record, { status, until })
  return record
}

t.test('records hold every instant and status', async (t) => {
  for (const until of [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 1_800_000_000_123, 2 ** 48 - 1]) {
    for (const status of [100, 200, 299, 999]) {
      const record = recordOf(1, until, status)
      t.equal(untilOf(record, 0), until)
      t.equal(statusOf(record, 0), status)
    }
  }
  t.equal(untilOf(recordOf(1, 1.5), 0), 2, 'rounded up: kept longer, never shorter')
  t.equal(untilOf(recordOf(1, 2 ** 60), 0), 2 ** 48 - 1, 'for ever is as long as it goes')
  for (const [status, until] of [[200, NaN], [200, -1], [0, 1], [1000, 1], [NaN, 1]] as const) {
    t.throws(() => recordOf(1, until, status), RangeError)
  }
})

t.test('agrees with a map, whatever is put in and whenever it ends', async (t) => {
  const put = fc.record({ id: fc.nat(300), life: fc.nat(50), status: fc.integer({ min: 200, max: 299 }) })
  fc.assert(fc.property(fc.array(put, { maxLength: 400 }), fc.constantFrom(1, 5_000, 20_000), (puts, expected) => {
    const table = new NonceTable(expected)
    const model = new Map<number, { until: number; status: number }>()
    for (const [now, { id, life, status }] of puts.entries()) {
      table.put(recordOf(id, now + life, status), now)
      model.set(id, { until: now + life, status })
    }
    const now = puts.length
    for (let id = 0; id <= 300; id++) {
      const entry = model.get(id)
      const wanted = entry !== undefined && entry.until > now ? { status: entry.status, material: 'same' } : undefined
      const found = table.find(recordOf(id, 0), now)
      if (found?.status !== wanted?.status || found?.material !== wanted?.material) throw new Error(`${id}: ${JSON.stringify(found)}`)
    }
  }), { numRuns: 300 })
  t.pass('always')
})

t.test('what has ended makes place: memory follows what is live', async (t) => {
  const table = new NonceTable(1_000)
  for (let now = 0; now < 50_000; now++) table.put(recordOf(now, now + 100), now)
  t.ok(table.size < 300, `${table.size} are held, 100 are live`)
  t.ok(table.forgotten > 49_000 && table.forgotten <= 50_000, 'and it says up to when something was forgotten')
  for (let id = 49_901; id < 50_000; id++) t.ok(table.find(recordOf(id, 0), 50_000), 'nothing live is missing')
})

t.test('a place that was reserved is not moved', async (t) => {
  const table = new NonceTable(2 ** 20)
  table.reserve(3_000)
  for (let id = 0; id < 3_000; id++) table.put(recordOf(id, 10), 0)
  t.equal(table.size, 3_000)
  t.equal(table.forgotten, 0)
})

t.test('a table holds what it holds, and nothing that it has outgrown', async (t) => {
  const record = recordOf(1, 1_000)
  const table = new NonceTable(1_000_000)
  const before = process.memoryUsage().arrayBuffers
  for (let id = 0; id < 100_000; id++) {
    // Keys are hashes, spread over all words.
    record[0] = Math.imul(id, 0x9e3779b1)
    record[1] = Math.imul(id, 0x85ebca6b)
    record[2] = id
    table.put(record, 0)
  }
  if (!('transfer' in ArrayBuffer.prototype)) collectAll()
  const bytes = (process.memoryUsage().arrayBuffers - before) / table.size
  t.equal(table.size, 100_000)
  t.ok(bytes < 80, `${bytes} bytes a nonce`)
})
