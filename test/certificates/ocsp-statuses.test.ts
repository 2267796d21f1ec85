import 'reflect-metadata'
import { X509Certificate } from 'node:crypto'
import { BasicOCSPResponse, OCSPResponse } from '@peculiar/asn1-ocsp'
import { AsnConvert } from '@peculiar/asn1-schema'
import fc from 'fast-check'
import t from 'tap'
import { judgeAnswer } from '../../src/certificates/ocsp-answer.ts'
import { subjectOf, writeQuestion } from '../../src/certificates/ocsp-question.ts'
import { Statuses } from '../../src/certificates/ocsp-statuses.ts'
import { ocspSchema, type CertificateLink } from '../../src/core/ocsp.ts'
import type { Exchange } from '../../src/core/ports.ts'
import { makeCa, type Identity } from '../support/pki.ts'
import { askResponder, startResponder } from '../support/ocsp.ts'
import { StillClock } from '../support/clock.ts'

const ca = await makeCa()
const minute = 60_000
const linkOf = (one: Identity): CertificateLink => ({ of: 'sender', certificate: one.der, issuer: new X509Certificate(ca.certificate).raw, isListed: () => false })
const rule = (written: object = {}) => ocspSchema.parse({ mode: 'hard', nonce: 'optional', responder: 'http://127.0.0.1/', ...written })

/** Somebody who asks, and what an attacker, or an outage, makes of it. */
function scene(exchange: Exchange, most?: number) {
  const clock = new StillClock()
  const asked: string[] = []
  const counting: Exchange = (request) => {
    asked.push(request.url)
    return exchange(request)
  }
  const random = { bytes: (count: number) => new Uint8Array(count) }
  return { clock, asked, statuses: new Statuses({ clock, random, exchange: counting, ...most === undefined ? {} : { most } }) }
}

const turn = async () => { for (let nth = 0; nth < 5; nth++) await new Promise((resolve) => { setImmediate(resolve) }) }

t.test('one question for all who ask, the next in good time, and none while nobody answers', async (t) => {
  const sender = await ca.client()
  const real = await startResponder(t, ca, { statuses: [['good', sender]] })
  const answer = await askResponder(real.url, writeQuestion(subjectOf(linkOf(sender)), new Uint8Array(32)))
  let up = true
  const { clock, asked, statuses } = scene(() => (up ? Promise.resolve(answer) : Promise.reject(new Error('down'))))
  const link = linkOf(sender)
  const first = [statuses.ask(link, rule()), statuses.ask(link, rule()), statuses.ask(linkOf(sender), rule())]
  t.ok(first.every((one) => one instanceof Promise))
  t.match(await Promise.all(first), [{ status: 'good' }, { status: 'good' }, { status: 'good' }])
  t.equal(asked.length, 1)
  t.match(statuses.ask(link, rule()), { status: 'good' }, 'at once')
  clock.advance(2 * minute)
  t.match(statuses.ask(link, rule()), { status: 'good' })
  t.equal(asked.length, 1)
  up = false
  clock.advance(minute)
  t.match(statuses.ask(link, rule()), { status: 'good' }, 'more than half of its time: the next one is asked for behind our back')
  await turn()
  t.equal(asked.length, 2)
  t.match(statuses.ask(link, rule()), { status: 'good' }, 'it failed, and what was said still holds')
  t.equal(asked.length, 2, 'nobody is asked again at once')
  clock.advance(2 * minute)
  t.match(await statuses.ask(link, rule()), { status: 'unknown', facts: { ocsp: 'unreachable', what: 'down' } })
  t.match(statuses.ask(link, rule()), { status: 'unknown' }, 'for half a minute')
  t.equal(asked.length, 3)
  up = true
  clock.advance(30_000)
  t.match(await statuses.ask(link, rule()), { status: 'good' })
  clock.step(-10 * minute)
  t.ok(statuses.ask(link, rule()) instanceof Promise, 'a clock that was set back makes nothing young again')
})

t.test('whoever was revoked stays it; and an older answer takes nobody’s place', async (t) => {
  const sender = await ca.client()
  const real = await startResponder(t, ca, { statuses: [['good', sender]] })
  const question = writeQuestion(subjectOf(linkOf(sender)), new Uint8Array(32))
  const good = await askResponder(real.url, question)
  await real.say([['revoked', sender]])
  const updateOf = (bytes: Buffer): number => {
    const judged = judgeAnswer(bytes, { subject: subjectOf(linkOf(sender)), nonce: new Uint8Array(32), demand: 'optional' }, Date.now())
    return judged.status === 'disbelieved' ? Number.NaN : judged.thisUpdate
  }
  let revoked = await askResponder(real.url, question)
  while (!(updateOf(revoked) > updateOf(good))) revoked = await askResponder(real.url, question)
  let said: Buffer | undefined = revoked
  const { clock, asked, statuses } = scene(() => (said === undefined ? Promise.reject(new Error('down')) : Promise.resolve(said)))
  const link = linkOf(sender)
  t.match(await statuses.ask(link, rule()), { status: 'revoked' })
  said = good
  clock.advance(3 * minute)
  t.match(statuses.ask(link, rule()), { status: 'revoked' })
  await turn()
  t.equal(asked.length, 2)
  t.match(statuses.ask(link, rule()), { status: 'revoked' }, 'an older answer, played again')
  said = undefined
  clock.advance(10 * minute)
  t.match(await statuses.ask(link, rule({ mode: 'soft' })), { status: 'revoked' }, 'nobody can be asked any more')
  t.match(statuses.ask(link, rule({ mode: 'soft' })), { status: 'revoked' })
})

t.test('what is remembered is bounded, and kept apart by responder and by what is demanded', async (t) => {
  const [one, two, three] = await Promise.all([ca.client(), ca.client(), ca.client()])
  const { asked, statuses } = scene(() => Promise.reject(new Error('down')), 2)
  const links = [one, two, three].map(linkOf)
  for (const link of [...links, ...links]) await statuses.ask(link, rule())
  t.equal(asked.length, 6, 'two are remembered, and the third pushes one out')
  const [link = linkOf(one)] = links
  const other = scene(() => Promise.reject(new Error('down')))
  for (const written of [{}, { responder: 'http://127.0.0.2/' }, { nonce: 'required' }, {}, { mode: 'soft' }]) await other.statuses.ask(link, rule(written))
  t.equal(other.asked.length, 3)
})

t.test('a certificate that the library cannot read', async (t) => {
  const { asked, statuses } = scene(() => Promise.reject(new Error('down')))
  t.match(await statuses.ask({ of: 'sender', certificate: new Uint8Array([1]), issuer: new Uint8Array([1]), isListed: () => false }, rule()), { status: 'unknown', facts: { ocsp: 'unreadable-certificate' } })
  t.equal(asked.length, 0)
})

t.test('damaged answers are never good, and never throw', async (t) => {
  const sender = await ca.client()
  const subject = subjectOf(linkOf(sender))
  const real = await startResponder(t, ca, { statuses: [['good', sender]] })
  const nonce = new Uint8Array(32).fill(7)
  const answer = await askResponder(real.url, writeQuestion(subject, nonce))
  const judge = (bytes: Uint8Array) => judgeAnswer(bytes, { subject, nonce, demand: 'required' }, Date.now())
  t.equal(judge(answer).status, 'good')
  const { responseBytes } = AsnConvert.parse(answer, OCSPResponse)
  const signed = AsnConvert.parse(responseBytes?.response ?? new ArrayBuffer(0), BasicOCSPResponse).tbsResponseDataRaw as ArrayBuffer
  const signedFrom = Buffer.from(answer).indexOf(Buffer.from(signed))
  const signedTo = signedFrom + signed.byteLength
  t.ok(signedFrom > 0)
  fc.assert(fc.property(fc.nat(answer.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
    const damaged = Buffer.from(answer)
    damaged[at] = (damaged[at] as number) ^ change
    const { status } = judge(damaged)
    // What stands outside of what is signed (certificates that nobody needed) may change; what is signed may not.
    return status === 'disbelieved' || (status === 'good' && (at < signedFrom || at >= signedTo))
  }), { numRuns: 500 })
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => judge(bytes).status === 'disbelieved'), { numRuns: 300 })
})
