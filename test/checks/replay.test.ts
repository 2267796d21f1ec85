import { createHash } from 'node:crypto'
import t from 'tap'
import { replay } from '../../src/checks/replay.ts'
import type { Question } from '../../src/core/check.ts'
import type { Signed } from '../../src/core/delivery.ts'
import { StoreUnavailable, type Claim, type Nonce, type NonceStore } from '../../src/core/nonce.ts'
import type { Pass, Verdict } from '../../src/core/verdict.ts'
import { memoryStore } from '../../src/nonces/memory.ts'
import { signatureSettings } from '../../src/schemes/settings.ts'
import { StillClock } from '../support/clock.ts'
import { questionsOf, toolsFor } from '../support/checks.ts'

const minute = 60_000
const hour = 60 * minute
const skew = 5 * minute

const clock = new StillClock()

function given(preset: string, nonces: NonceStore = memoryStore(clock), route = 'test') {
  const neighbour = (key: string): unknown => (key === 'signature' ? signatureSettings.parse({ preset, secrets: ['env:S'] }) : undefined)
  return toolsFor({ clock, nonces, neighbour, route })
}

function compile(preset: string, settings: unknown = {}, nonces?: NonceStore, route?: string): Question {
  const questions = questionsOf('replay', settings, given(preset, nonces, route))
  t.equal(questions.length, 1)
  return questions[0] as Question
}

function signed(over: Partial<Signed> = {}): Signed {
  return { material: [Buffer.from('1700000000.'), Buffer.from('{"a":1}')], at: undefined, id: undefined, key: 'env:S', ...over }
}

async function ask(question: Question, delivery: Signed = signed()): Promise<Verdict> {
  return await question.ask({ signed: delivery } as never)
}

async function accept(question: Question, delivery: Signed = signed(), status = 202): Promise<Pass> {
  const verdict = await ask(question, delivery)
  if (verdict.verdict !== 'pass') throw new Error(verdict.reason)
  await (verdict.gain.claim as Claim).commit({ status, until: verdict.gain.until as number })
  return verdict
}

t.test('the way of a nonce', async (t) => {
  const question = compile('github')
  const first = await ask(question)
  t.match(first, { verdict: 'pass', gain: { claim: { state: 'claimed' } } })
  t.match(await ask(question), { verdict: 'refuse', reason: 'in-flight' })
  await (first as Pass).gain.claim?.release()
  await accept(question)
  t.match(await ask(question), { verdict: 'refuse', reason: 'replayed' })
})

t.test('statuses are those of the contract', async (t) => {
  t.match(replay.reasons, {
    replayed: { status: 409 }, 'in-flight': { status: 503, retryAfter: 5 }, 'store-unavailable': { status: 503, retryAfter: 5 },
  })
})

t.test('a replay is refused, or acknowledged with its first status', async (t) => {
  const cases: [string, unknown, string, unknown][] = [
    ['a sender that signs anew', {}, 'stripe', { verdict: 'refuse', reason: 'replayed' }],
    ['a sender that repeats', {}, 'shopify', { verdict: 'pass', gain: { answer: { status: 202, headers: [], because: 'replayed' }, claim: undefined } }],
    ['a sender that repeats, and the route refuses', { onReplay: 'refuse' }, 'shopify', { verdict: 'refuse', reason: 'replayed' }],
    ['the route acknowledges', { onReplay: 'acknowledge' }, 'github', { verdict: 'pass', gain: { answer: { status: 202, because: 'replayed' } } }],
  ]
  for (const [name, settings, preset, wanted] of cases) {
    const question = compile(preset, settings)
    await accept(question)
    t.match(await ask(question), wanted, name)
  }
})

t.test('a duplicate is answered with its first status, and says that it is one', async (t) => {
  const question = compile('standard-webhooks')
  const at = clock.now()
  await accept(question, signed({ id: 'msg_1', at }))
  const again = await ask(question, signed({ id: 'msg_1', at: at + 5_000, material: [Buffer.from('signed anew')] }))
  t.match(again, { verdict: 'pass', gain: { answer: { status: 202, headers: ['Sallyport-Duplicate', 'true'], because: 'duplicate' }, claim: undefined } })
  t.match(await ask(question, signed({ id: 'msg_1', at })), { verdict: 'refuse', reason: 'replayed' }, 'the same bytes are a replay still')
  t.match(await ask(question, signed({ id: 'msg_2', at })), { verdict: 'pass', gain: { claim: { state: 'claimed' } } })
})

t.test('what is another delivery and what is not', async (t) => {
  const store = memoryStore(clock)
  const question = compile('github', {}, store)
  const elsewhere = compile('github', {}, store, 'another')
  await accept(question, signed({ material: [Buffer.from('ab'), Buffer.from('c')] }))
  const cases: [string, Question, Partial<Signed>, string][] = [
    ['cut elsewhere into parts', question, { material: [Buffer.from('abc')] }, 'refuse'],
    ['another key that matched', question, { material: [Buffer.from('abc')], key: 'env:OTHER' }, 'refuse'],
    ['an empty id is none', question, { material: [Buffer.from('abc')], id: '' }, 'refuse'],
    ['another route', elsewhere, { material: [Buffer.from('abc')] }, 'pass'],
    ['other material', question, { material: [Buffer.from('abd')] }, 'pass'],
    ['an id that looks like material', question, { id: 'abc', material: [Buffer.from('x')] }, 'pass'],
  ]
  for (const [name, asked, delivery, wanted] of cases) t.equal((await ask(asked, signed(delivery))).verdict, wanted, name)
})

/** What is derived here stands in journals and in Redis: it may never change. */
t.test('key and print are what those before us wrote', async (t) => {
  const claimed: Nonce[] = []
  const store: NonceStore = {
    claim: (nonce) => {
      claimed.push(nonce)
      return { state: 'in-flight' }
    },
    find: () => ({ state: 'unknown' }),
    close: () => Promise.resolve(),
  }
  const sha256 = (...parts: (string | Uint8Array)[]) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest()
  const question = compile('github', {}, store, 'billing')
  const material = [Buffer.from('1700000000.'), Buffer.alloc(70_000, 7)]
  const print = sha256(...material)
  await ask(question, signed({ material }))
  await ask(question, signed({ material: [Buffer.concat(material)] }))
  await ask(question, signed({ material, id: 'evt_\u00e9' }))
  const byMaterial = { key: new Uint8Array(sha256('\0\0\0\x07billingmaterial:', print)), print: new Uint8Array(print) }
  const byId = { ...byMaterial, key: new Uint8Array(sha256('\0\0\0\x07billingid:', Buffer.from('evt_\u00e9', 'utf16le'))) }
  t.strictSame(claimed.map(({ key, print }) => ({ key, print })), [byMaterial, byMaterial, byId])
})

t.test('routes and ids do not run into each other', async (t) => {
  const keys = new Set<string>()
  const store: NonceStore = {
    claim: ({ key }: Nonce) => {
      keys.add(Buffer.from(key).toString('hex'))
      return { state: 'in-flight' }
    },
    find: () => ({ state: 'unknown' }),
    close: () => Promise.resolve(),
  }
  const pairs = [['a', 'b:c'], ['a:b', 'c'], ['ab', 'c'], ['a', 'bc'], ['a', 'b'], ['aid:', 'b'], ['a', '\ud800'], ['a', '\ud801'], ['a', '\ufffd']]
  for (const [route, id] of pairs) await ask(compile('stripe', {}, store, route), signed({ id: id as string, at: clock.now() }))
  t.equal(keys.size, pairs.length)
})

t.test('for how long it is kept', async (t) => {
  const now = clock.now()
  const cases: [string, string, unknown, Partial<Signed>, number][] = [
    ['no time: as the preset says', 'github', {}, {}, now + 72 * hour + skew],
    ['no time: as the route says', 'github', { retain: '1h' }, {}, now + hour + skew],
    ['signed now, kept as long as the sender retries', 'stripe', {}, { at: now }, now + 96 * hour + skew],
    ['nothing else: as long as it passes', 'stripe', { retain: '0s' }, { at: now - 2 * minute }, now + 3 * minute + skew],
    ['signed in the future', 'stripe', { retain: '0s' }, { at: now + 5 * minute }, now + 10 * minute + skew],
    ['a window of the route', 'stripe', { retain: '0s', window: '2h' }, { at: now - hour }, now + hour + skew],
  ]
  for (const [name, preset, settings, delivery, until] of cases) {
    t.equal((await accept(compile(preset, settings), signed(delivery))).gain.until, until, name)
  }
})

t.test('the store knows until when the time would pass', async (t) => {
  const asked: (number | undefined)[] = []
  const store: NonceStore = {
    claim: ({ passesUntil }) => {
      asked.push(passesUntil)
      return { state: 'in-flight' }
    },
    find: () => ({ state: 'unknown' }),
    close: () => Promise.resolve(),
  }
  await ask(compile('stripe', { window: '1m' }, store), signed({ at: 1_000_000 }))
  await ask(compile('stripe', {}, store), signed({ at: 1_000_000 }))
  await ask(compile('github', {}, store), signed())
  t.strictSame(asked, [1_060_000, 1_300_000, undefined])
})

t.test('a store that cannot know, at once or later, is not guessed for', async (t) => {
  const failing = (claim: NonceStore['claim']): Question => compile('github', {}, { claim, find: () => ({ state: 'unknown' }), close: () => Promise.resolve() })
  const down = new StoreUnavailable('down')
  t.match(await ask(failing(() => { throw down })), { reason: 'store-unavailable', facts: { fault: 'down' } })
  t.match(await ask(failing(() => Promise.reject(down))), { reason: 'store-unavailable' })
  await t.rejects(() => ask(failing(() => { throw new TypeError('bug') })), TypeError, 'a fault of ours is not said to be the store')
  await t.rejects(() => ask(failing(() => Promise.reject(new TypeError('bug')))), TypeError)
  t.match(await ask(failing(() => Promise.resolve({ state: 'in-flight' }))), { reason: 'in-flight' }, 'a store may take its time')
})

t.test('what an operator is told', async (t) => {
  const told = (settings: unknown, tools: ReturnType<typeof toolsFor>) => {
    replay.compile(replay.schema.parse(settings), tools)
    return tools.told
  }
  t.match(told({}, toolsFor()), [{ path: [], what: /nothing is signed here/, mend: /signature/ }])
  t.match(told({ window: '5m' }, given('github')), [{ path: ['window'], what: /signs no time/ }])
  t.match(told({ retain: '0s' }, given('github')), [{ path: ['retain'], what: /nothing would be remembered/ }])
  t.strictSame(told({}, given('no such preset')), [], 'the signature check says it')
  t.throws(() => replay.schema.parse({ retain: 5 }))
  t.throws(() => replay.schema.parse({ windows: '5m' }))
})
