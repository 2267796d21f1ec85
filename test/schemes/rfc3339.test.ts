import fc from 'fast-check'
import t from 'tap'
import { parseRfc3339 } from '../../src/schemes/rfc3339.ts'

const shape = /^([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?([Zz]|([+-])([0-9]{2}):?([0-9]{2}))$/

/** The same, written a second time: by a regular expression and `Date`, which moves days that do not exist. */
function other(text: string): number | undefined {
  const found = shape.exec(text)
  if (found === null) return undefined
  const [, day, clock, fraction = '', , sign, hours = '0', minutes = '0'] = found
  const at = Date.parse(`${day}T${clock}.000Z`)
  if (Number.isNaN(at) || new Date(at).toISOString() !== `${day}T${clock}.000Z`) return undefined
  if (Number(hours) > 23 || Number(minutes) > 59) return undefined
  const east = (Number(hours) * 60 + Number(minutes)) * (sign === '-' ? -60_000 : 60_000)
  return at - east + Number(fraction.padEnd(3, '0').slice(0, 3))
}

const edges = [
  '0000-01-01T00:00:00Z', '0000-02-29T00:00:00Z', '0001-02-29T00:00:00Z', '0099-12-31T23:59:59Z', '1900-02-29T00:00:00Z', '2000-02-29T00:00:00Z',
  '2023-02-28T23:59:59.999999999Z', '2023-02-29T00:00:00Z', '2023-04-31T00:00:00Z', '2023-00-01T00:00:00Z', '2023-13-01T00:00:00Z', '2023-01-00T00:00:00Z',
  '2023-01-32T00:00:00Z', '2023-01-01T24:00:00Z', '2023-01-01T23:60:00Z', '2023-01-01T23:59:60Z', '2023-01-01T00:00:00.Z', '2023-01-01T00:00:00.1234567890Z',
  '2023-01-01T00:00:00', '2023-01-01T00:00:00ZZ', '2023-01-01T00:00:00+2359', '2023-01-01T00:00:00+23:59', '2023-01-01T00:00:00+24:00', '2023-01-01T00:00:00-00:60',
  '2023-01-01T00:00:00+1:00', '2023-01-01T00:00:00+01:0', '2023-01-01T00:00:00+01:', '2023-01-01T00:00:00+01', '2023-01-01T00:00:00.5+01:00 ',
  '2023-01-01 00:00:00Z', '+023-01-01T00:00:00Z', '2023-1-01T00:00:00Z', '', 'Z', '9999-12-31T23:59:59.999-23:59',
]
for (const text of edges) {
  t.equal(parseRfc3339(text), other(text), JSON.stringify(text))
  t.equal(parseRfc3339(text, 'utc'), other(text) ?? other(`${text}Z`), `${JSON.stringify(text)}, which may lack an offset`)
}

t.test('as a regular expression and the calendar say', async () => {
  /** Up to one more than there are. */
  const two = (max: number) => fc.oneof(fc.integer({ min: 0, max }), fc.nat(99)).map((number) => String(number).padStart(2, '0'))
  const written = fc.tuple(
    fc.integer({ min: 0, max: 9999 }).map((year) => String(year).padStart(4, '0')), two(13), two(32), fc.constantFrom('T', 't', ' '), two(24), two(60), two(60),
    fc.constantFrom('', '.', '.0', '.12', '.123', '.999999999', '.0000000000'), fc.constantFrom('', 'Z', 'z', '+00:00', '-0730', '+24:00', '+01:60', '+1:00'),
  ).map(([year, month, day, mark, hour, minute, second, fraction, zone]) => `${year}-${month}-${day}${mark}${hour}:${minute}:${second}${fraction}${zone}`)
  fc.assert(fc.property(written, (text) => (
    parseRfc3339(text) === other(text) && parseRfc3339(text, 'utc') === (other(text) ?? other(`${text}Z`))
  )), { numRuns: 3000 })
  fc.assert(fc.property(fc.date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true }), (date) => parseRfc3339(date.toISOString()) === date.getTime()))
})

t.test('any one character of a time changed is another time, or none', async () => {
  fc.assert(fc.property(fc.nat(34), fc.string({ minLength: 1, maxLength: 1 }), (at, letter) => {
    const text = '2023-07-19T14:56:51.634234626+02:00'
    const changed = text.slice(0, at) + letter + text.slice(at + 1)
    return parseRfc3339(changed) === other(changed)
  }), { numRuns: 2000 })
})
