import t from 'tap'
import { at, type Asked, type Question } from '../../src/core/check.ts'
import { decide, inOrder } from '../../src/core/decide.ts'
import type { Head } from '../../src/core/delivery.ts'
import { Headers } from '../../src/core/headers.ts'
import type { Claim } from '../../src/core/nonce.ts'
import { pass, refuse, type Reasons } from '../../src/core/verdict.ts'

const clock = { monotonic: () => 0 }
const head: Head = {
  id: 'id', from: { bytes: new Uint8Array(16), text: '::' }, at: 0, method: 'POST', host: 'h', path: '/', query: undefined,
  headers: new Headers([]), certificate: undefined, read: () => new Uint8Array(0),
}
const reasons: Reasons = { no: { status: 403, title: 'No' }, later: { status: 401, title: 'Later' } }
const ask = (check: string, asked: Asked): Question => ({ ...asked, check, reasons })
const signed = { material: [], at: 1, id: undefined, key: 'env:A' }
const claim: Claim = { state: 'claimed', commit: () => true, release: () => true }

void t.test('asks by stage, whatever the order of the list', async (t) => {
  const asked: string[] = []
  const note = (name: string) => () => {
    asked.push(name)
    return pass()
  }
  const questions = inOrder([
    ask('d', at('replay', note('replay'))), ask('c', at('body', note('body'))), ask('b', at('certificate', note('certificate'))),
    ask('a', at('connection', note('connection'))),
  ])
  await decide(head, questions, 'enforce', clock)
  t.same(asked, ['connection', 'certificate', 'body', 'replay'])
})

void t.test('the first refusal is the answer, and nothing is asked after it', async (t) => {
  let later = 0
  const decision = await decide(head, [
    ask('a', at('connection', () => refuse('no', { why: 'because' }))),
    ask('b', at('certificate', () => { later += 1; return pass() })),
  ], 'enforce', clock)
  t.match(decision, { outcome: 'refused', refusal: { reason: 'no', status: 403, title: 'No', facts: { why: 'because' }, stage: 'connection' } })
  t.equal(later, 0)
})

const faults: [string, () => never | Promise<never>][] = [
  ['a throw', () => { throw new Error('broken') }],
  ['a rejection', () => Promise.reject(new Error('broken'))],
  ['a throw of something else', () => { throw 'text' }],
]
for (const [name, fault] of faults) {
  void t.test(`${name} is refused as undecidable, never let through`, async (t) => {
    const decision = await decide(head, [ask('a', at('connection', fault))], 'enforce', clock)
    t.match(decision, { outcome: 'refused', refusal: { reason: 'undecidable', status: 503 } })
  })
}

void t.test('a reason that its check does not declare is undecidable', async (t) => {
  for (const reason of ['unheard-of', '__proto__', 'toString']) {
    const decision = await decide(head, [ask('a', at('connection', () => refuse(reason)))], 'enforce', clock)
    t.match(decision.refusal, { reason: 'undecidable', status: 503 }, reason)
  }
})

void t.test('what questions gain is handed on', async (t) => {
  const body = new Uint8Array([1])
  const decision = await decide(head, [
    ask('c', at('certificate', () => pass({}, { sender: 'first' }))),
    ask('b', at('credentials', () => pass({}, { sender: 'second' }))),
    ask('l', at('body', async () => pass({}, { body }))),
    ask('s', at('signature', (known) => (known.body === body ? pass({}, { signed }) : refuse('no')))),
    ask('r', at('replay', (known) => (known.signed === signed ? pass({}, { claim, until: 7 }) : refuse('no')))),
  ], 'enforce', clock)
  t.match(decision, { outcome: 'accepted', body, signed, claim, until: 7, sender: 'first' })
})

void t.test('an answer ends the asking', async (t) => {
  const answer = { status: 200, headers: [], body: new Uint8Array(0), because: 'challenge' as const }
  const decision = await decide(head, [
    ask('a', at('connection', () => pass({}, { answer }))), ask('b', at('certificate', () => refuse('no'))),
  ], 'enforce', clock)
  t.match(decision, { outcome: 'accepted', answer, refusal: undefined })
})

void t.test('observe lets through, keeps the first would-be refusal, and asks nothing without its evidence', async (t) => {
  const decision = await decide(head, [
    ask('a', at('connection', () => refuse('no'))),
    ask('l', at('body', () => pass({}, { body: new Uint8Array(0) }))),
    ask('s', at('signature', () => refuse('later'))),
    ask('r', at('replay', () => { throw new Error('must not be asked') })),
  ], 'observe', clock)
  t.match(decision, { outcome: 'accepted', refusal: { reason: 'no' } })
  t.same(decision.trail.map(({ verdict }) => (verdict === 'not-asked' ? verdict : verdict.verdict)), ['refuse', 'pass', 'refuse', 'not-asked'])
})
