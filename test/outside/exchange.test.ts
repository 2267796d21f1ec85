import t from 'tap'
import { readBytes } from '../../src/outside/exchange.ts'

async function* chunks(count: number, size: number): AsyncGenerator<Uint8Array> {
  for (let nth = 0; nth < count; nth++) yield Buffer.alloc(size, nth)
}

t.test('a body of many megabytes is put together in slices', async (t) => {
  let [turns, isOver] = [0, false]
  const count = (): void => {
    turns++
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  const bytes = await readBytes(chunks(128, 65_536), 8 * 1024 * 1024)
  isOver = true
  t.equal(bytes.length, 8 * 1024 * 1024)
  t.ok(bytes.every((byte, at) => byte === Math.floor(at / 65_536)), 'every byte in its place')
  t.ok(turns >= 7, `a turn for each megabyte: ${turns}`)
})

t.test('the cap, at its edge', async (t) => {
  t.equal((await readBytes(chunks(2, 5), 10)).length, 10)
  t.equal((await readBytes(chunks(0, 5), 10)).length, 0)
  await t.rejects(readBytes(chunks(2, 5), 9), { message: 'the answer is longer than 9 bytes' })
})
