import t from 'tap'
import { systemWorld } from '../src/world.ts'

t.test('random bytes: as many as asked for, none given twice, none changed afterwards', async (t) => {
  const { bytes } = systemWorld.random
  const given = Array.from({ length: 2_000 }, () => bytes(16))
  const texts = given.map((one) => Buffer.from(one).toString('hex'))
  for (const count of [0, 1, 4095, 4096, 4097, 100_000]) t.equal(bytes(count).length, count, `${count} bytes`)
  t.equal(new Set(texts).size, texts.length, 'all differ')
  t.same(given.map((one) => Buffer.from(one).toString('hex')), texts, 'and stay as they were')
})
