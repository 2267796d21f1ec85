import fc from 'fast-check'
import t from 'tap'
import { isoTime } from '../../src/audit/iso-time.ts'
import { milliseconds } from '../../src/audit/json-text.ts'
import { auditLine, type Decided } from '../../src/audit/record.ts'

/** What a record was before it was written by hand, and what whoever reads it expects. */
function plainly({ at, id, route, from, certificate, verdict, reason, status, bytes, spent, key, nonce, facts }: Decided): string {
  const round = (time: number): number => Math.round(time * 1_000) / 1_000
  const record = JSON.stringify({
    time: new Date(at).toISOString(), id, route, source: from?.text, verdict, reason, status, bytes,
    ms: { checks: round(spent.checks), store: round(spent.store), receiver: round(spent.receiver) },
    key, nonce, facts: Object.keys(facts).length === 0 ? undefined : facts,
  })
  if (certificate === undefined) return `${record}\n`
  const { subject, names, fingerprint } = certificate
  const shown = { subject: subject.map(({ type, value }) => `${type}=${value}`).join(', '), san: names.map(({ type, value }) => `${type}:${value}`), sha256: fingerprint }
  return `${record.slice(0, -1)},"certificate":${JSON.stringify(shown)}}\n`
}

const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme-ascii' }), fc.constantFrom('', '"', '\\', '\u007f', '\u2028', '\ud800', 'a\n', 'hook'))
const maybe = fc.option(text, { nil: undefined })
const time = fc.oneof(fc.double(), fc.double({ min: 0, max: 5_000 }), fc.constantFrom(0, -0, -1e-9, 0.0005))
const instant = fc.oneof(fc.integer({ min: 1_600_000_000_000, max: 1_600_000_005_000 }), fc.integer({ min: -8.64e15, max: 8.64e15 }), fc.double({ min: -2e12, max: 2e12, noNaN: true }))

const decided: fc.Arbitrary<Decided> = fc.record({
  at: instant, id: text, route: maybe, from: fc.option(text.map((text) => ({ text, bytes: new Uint8Array(16) })), { nil: undefined }),
  certificate: fc.option(fc.record({ der: fc.constant(1).map((length) => new Uint8Array(length)), subject: fc.constant([{ type: 'CN', value: 'a "b"' }]), names: fc.constant([{ type: 'dns', value: 'a.example' }]), fingerprint: text }) as unknown as fc.Arbitrary<NonNullable<Decided['certificate']>>, { nil: undefined }),
  verdict: fc.constantFrom('accepted', 'refused'), reason: maybe, status: fc.oneof(fc.integer(), fc.double()), bytes: fc.nat(),
  spent: fc.record({ checks: time, store: time, receiver: time }), key: maybe,
  nonce: fc.constantFrom('committed', 'released', 'lost', undefined), facts: fc.dictionary(text, fc.jsonValue()) as fc.Arbitrary<Decided['facts']>,
})

t.test('a record is byte for byte what JSON.stringify writes', async () => {
  fc.assert(fc.property(decided, (one) => auditLine(one) === plainly(one)), { numRuns: 1_000 })
})

t.test('times are those of Date, second after second and back', async (t) => {
  fc.assert(fc.property(fc.array(instant, { maxLength: 20 }), (all) => all.every((at) => isoTime(at) === new Date(at).toISOString())))
  t.throws(() => isoTime(NaN), RangeError)
  t.throws(() => isoTime(9e15), RangeError)
})

t.test('lengths of time: every microsecond of a second, and those around where the whole is large', async (t) => {
  const plainly = (micro: number): string => JSON.stringify(micro / 1_000)
  for (let micro = 0; micro < 1_000_000; micro++) if (milliseconds(micro / 1_000) !== plainly(micro)) t.fail(`${micro} microseconds`)
  for (const micro of [999_999_999, 1_000_000_000, 1_000_000_001, -1, -1_001]) t.equal(milliseconds(micro / 1_000), plainly(micro))
  for (const odd of [NaN, Infinity, -Infinity]) t.equal(milliseconds(odd), 'null')
})
