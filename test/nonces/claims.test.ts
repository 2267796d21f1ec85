import fc from 'fast-check'
import t from 'tap'
import type { Claim, Nonce } from '../../src/core/nonce.ts'
import { Claims } from '../../src/nonces/claims.ts'
import { memoryStore } from '../../src/nonces/memory.ts'
import { leftBehind, type Ballast } from '../support/garbage.ts'
import { StillClock } from '../support/clock.ts'

/** Few words and few rests, so that keys share their first four bytes, all sixteen, or only what comes behind. */
const key = fc.tuple(fc.constantFrom(0, 1, 0xff), fc.constantFrom(0, 2), fc.constantFrom(0, 3)).map(([word, rest, behind]) => {
  const bytes = new Uint8Array(32)
  bytes.set([word], 3)
  bytes.set([rest], 15)
  bytes.set([behind], 16)
  return bytes
})

function nonceOf(key: Uint8Array): Nonce {
  return { key, print: key, passesUntil: undefined }
}

t.test('a map of claims by the first sixteen bytes of their keys', async () => {
  const step = fc.record({ key, what: fc.constantFrom('add', 'delete', 'delete another') })
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const claims = new Claims<{ nonce: Nonce }>()
    const model = new Map<string, { nonce: Nonce }>()
    for (const { key, what } of steps) {
      const name = Buffer.from(key.subarray(0, 16)).toString('hex')
      const one = { nonce: nonceOf(key) }
      const there = model.get(name)
      if (what === 'add' && there === undefined) {
        claims.add(one)
        model.set(name, one)
      }
      if (what === 'delete' && there !== undefined) {
        claims.delete(there)
        model.delete(name)
      }
      if (what === 'delete another') claims.delete(one)
      if (claims.find(one.nonce) !== model.get(name) || claims.size !== model.size) return false
    }
    const all = claims.all()
    return all.length === model.size && [...model.values()].every((one) => all.includes(one)) && (claims.oldest() === undefined) === (model.size === 0)
  }))
})

t.test('the oldest is the one that was put in first', async (t) => {
  const claims = new Claims<{ nonce: Nonce }>()
  const all = [3, 1, 2].map((first) => ({ nonce: nonceOf(new Uint8Array(32).fill(first)) }))
  for (const one of all) claims.add(one)
  for (const one of all) {
    t.equal(claims.oldest(), one)
    claims.delete(one)
  }
})

t.test('as many as there may be, and few again', async (t) => {
  const claims = new Claims<{ nonce: Nonce }>()
  const all = Array.from({ length: 1_000 }, (_, at) => ({ nonce: nonceOf(Buffer.from(`${at}`.padEnd(32, 'x'))) }))
  for (const one of all) claims.add(one)
  for (const one of all) t.equal(claims.find({ ...one.nonce }), one)
  for (const one of all.slice(3)) claims.delete(one)
  t.same(claims.all(), all.slice(0, 3))
  for (const [at, one] of all.entries()) t.equal(claims.find(one.nonce), at < 3 ? one : undefined)
})

t.test('who has settled is forgotten', async (t) => {
  const claims = new Claims<{ nonce: Nonce } & Ballast>()
  let count = 0
  const left = leftBehind((ballast) => {
    const key = Buffer.alloc(32)
    key.writeUInt32LE(count++)
    const one = { ...ballast, nonce: nonceOf(key) }
    claims.add(one)
    return () => claims.delete(one)
  })
  t.ok(left < 4 * 1024 ** 2, `${left} bytes`)
})

t.test('deliveries whose keys begin alike are not in each other’s way', async (t) => {
  const clock = new StillClock()
  const store = memoryStore(clock)
  const [one, other] = [4, 5].map((byte) => nonceOf(new Uint8Array(32).fill(9).fill(byte, byte)))
  const claim = async (nonce = one): Promise<string> => (await store.claim(nonce as Nonce, 1_000)).state
  const first = await store.claim(one as Nonce, 1_000) as Claim
  t.equal(await claim(other), 'claimed')
  t.same([await claim(), await claim(other)], ['in-flight', 'in-flight'])
  t.ok(await first.commit({ status: 202, until: clock.now() + 60_000 }))
  t.same([await claim(), await claim(other)], ['committed', 'in-flight'])
  clock.advance(1_000)
  t.same([await claim(), await claim(other), await claim(other)], ['committed', 'claimed', 'in-flight'])
  const closed = store.close()
  clock.advance(1_000)
  await closed
})
