import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { certificateFromPem } from '../../src/certificates/certificate.ts'
import { StoreUnavailable, type Claim, type NonceStore } from '../../src/core/nonce.ts'
import { LocalStandIn, type SharedStore } from '../../src/nonces/local.ts'
import { memoryStore } from '../../src/nonces/memory.ts'
import { questionsOf, toolsFor, verdictOf } from '../support/checks.ts'
import { StillClock } from '../support/clock.ts'
import { makeCa } from '../support/pki.ts'

const ca = await makeCa()
const vouchers = { authorities: [new X509Certificate(ca.certificate)], lists: [] }
const clock = new StillClock()
const [first, second] = await Promise.all(['first', 'second'].map(async (cn) => (
  certificateFromPem((await ca.client({ cn })).chain, 'trusted', vouchers, clock.now)
)))
const compile = (nonces: NonceStore, given: { route?: string; approved?: () => ReadonlySet<string> } = {}) => (
  questionsOf('certificate', { pin: 'first-use' }, toolsFor({ nonces, clock, ...given }))
)
const judge = (questions: ReturnType<typeof compile>, certificate = first) => verdictOf(questions, certificate === undefined ? {} : { certificate })

t.test('the last question remembers, the one before it only looks', async (t) => {
  const store = memoryStore(clock)
  const questions = compile(store)
  t.same(questions.map(({ stage }) => stage), ['certificate', 'certificate', 'acceptance'])
  const early = questions.slice(0, 2)
  t.equal(await judge(early, first), 'pass')
  t.equal(await judge(early, second), 'pass', 'nobody is remembered yet')
  t.equal(await judge(questions, first), 'pass')
  t.equal(await judge(early, second), 'certificate-not-allowed')
  t.equal(await judge(compile(store).slice(0, 2), second), 'certificate-not-allowed', 'also for one that reads it from the store')
  t.equal(await judge(compile(store, { route: 'another' }), second), 'pass', 'each route has its own')
})

t.test('another was the first between the two questions', async (t) => {
  const store = memoryStore(clock)
  const [mine, theirs] = [compile(store), compile(store)]
  t.equal(await judge(theirs, second), 'pass')
  t.equal(await judge(mine.slice(2), first), 'certificate-not-allowed')
})

t.test('approved ones alone count, and the store is not asked', async (t) => {
  const approved = () => new Set([second?.fingerprint ?? ''])
  const questions = compile(toolsFor().nonces, { approved })
  t.equal(await judge(questions, first), 'certificate-not-allowed')
  t.equal(await judge(questions, second), 'pass')
  t.equal(await judge(compile(toolsFor().nonces, { approved: () => new Set() }), first), 'certificate-not-allowed', 'none is none')
})

t.test('a store that cannot know', async (t) => {
  const unavailable = (): never => { throw new StoreUnavailable('gone') }
  const close = () => Promise.resolve()
  const unknown = () => ({ state: 'unknown' as const })
  const claim = (commit: () => boolean) => () => ({ state: 'claimed' as const, commit, release: () => true })
  const rows: [string, NonceStore, string][] = [
    ['it is away', { find: unavailable, claim: unavailable, close }, 'store-unavailable'],
    ['away when it comes to it', { find: unknown, claim: unavailable, close }, 'store-unavailable'],
    ['somebody is first just now', { find: unknown, claim: () => ({ state: 'in-flight' }), close }, 'store-unavailable'],
    ['somebody was first after all', { find: unknown, claim: claim(() => false), close }, 'store-unavailable'],
    ['it cannot be kept', { find: unknown, claim: claim(unavailable), close }, 'store-unavailable'],
    ['a fault of ours', { find: () => { throw new Error('bug') }, claim: unavailable, close }, 'undecidable'],
  ]
  for (const [name, store, reason] of rows) t.equal(await judge(compile(store), first), reason, name)
})

t.test('nothing stands in for a shared store, neither before the claim nor at the commit', async (t) => {
  const shared = memoryStore(clock)
  let fails: 'claim' | 'commit' | undefined
  const store: SharedStore = {
    isReachable: true, find: (nonce) => shared.find(nonce), close: () => shared.close(), remember: () => Promise.reject(new Error('nothing is to be told')),
    claim: (nonce, lease) => {
      if (fails === 'claim') throw new StoreUnavailable('gone')
      const claimed = shared.claim(nonce, lease) as Claim
      return { ...claimed, release: () => claimed.release(), commit: (outcome) => {
        if (fails !== 'commit') return claimed.commit(outcome)
        void claimed.release()
        throw new StoreUnavailable('gone')
      } }
    },
  }
  const questions = compile(new LocalStandIn(store, clock))
  for (fails of ['claim', 'commit'] as const) t.equal(await judge(questions, first), 'store-unavailable', fails)
  fails = undefined
  t.equal(await judge(compile(new LocalStandIn(store, clock)), second), 'pass', 'another gateway: nobody was the first yet')
  t.equal(await judge(questions, second), 'pass')
  t.equal(await judge(questions, first), 'certificate-not-allowed', 'and this one has kept nothing of its own')
})
