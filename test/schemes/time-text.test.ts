import fc from 'fast-check'
import t from 'tap'
import { formatTime, parseTime, timeUnits, type TimeUnit } from '../../src/schemes/time-text.ts'

const cases: [string, TimeUnit, number | undefined][] = [
  ['1700000000', 'seconds', 1_700_000_000_000],
  ['0', 'seconds', 0],
  ['99999999999', 'seconds', 99_999_999_999_000],
  ['999999999999', 'seconds', undefined],
  ['', 'seconds', undefined],
  ['+1700000000', 'seconds', undefined],
  ['-1', 'seconds', undefined],
  ['1.5', 'seconds', undefined],
  ['1e9', 'seconds', undefined],
  ['0x10', 'seconds', undefined],
  [' 1700000000', 'seconds', undefined],
  ['1700000000\n', 'seconds', undefined],
  ['1700000000xyz', 'seconds', undefined],
  ['\u0661\u0667\u0660\u0660', 'seconds', undefined],
  ['1700000000123', 'milliseconds', 1_700_000_000_123],
  ['999999999999999', 'milliseconds', undefined],
  ['1700000000', 'epoch', 1_700_000_000_000],
  ['99999999999', 'epoch', 99_999_999_999_000],
  ['170000000012', 'epoch', 170_000_000_012],
  ['1700000000123', 'epoch', 1_700_000_000_123],
  ['170000000012345', 'epoch', undefined],
  ['', 'epoch', undefined],
  ['2020-01-01T00:00:00-07:00', 'rfc3339', 1_577_862_000_000],
  ['2023-07-19T14:56:51.634234626Z', 'rfc3339', 1_689_778_611_634],
  ['2023-07-19T14:56:51.6Z', 'rfc3339', 1_689_778_611_600],
  ['2023-07-19T14:56:51+0000', 'rfc3339', 1_689_778_611_000],
  ['2023-07-19t14:56:51z', 'rfc3339', 1_689_778_611_000],
  ['2023-02-30T00:00:00Z', 'rfc3339', undefined],
  ['2024-02-29T00:00:00Z', 'rfc3339', 1_709_164_800_000],
  ['2023-07-19T24:00:00Z', 'rfc3339', undefined],
  ['2023-07-19T14:56:51', 'rfc3339', undefined],
  ['2023-07-19T14:56:51', 'iso8601', 1_689_778_611_000],
  ['2023-07-19T14:56:51.634234', 'iso8601', 1_689_778_611_634],
  ['2023-07-19T14:56:51+02:00', 'iso8601', 1_689_771_411_000],
  ['2023-07-19', 'iso8601', undefined],
  ['2023-07-19T14:56:51ZZ', 'iso8601', undefined],
  ['2023-07-19 14:56:51Z', 'rfc3339', undefined],
  ['2023-07-19T14:56:51.1234567890Z', 'rfc3339', undefined],
  ['2023-07-19T14:56:51+24:00', 'rfc3339', undefined],
  ['2023-07-19T14:56:51+00:60', 'rfc3339', undefined],
  ['+012023-07-19T14:56:51Z', 'rfc3339', undefined],
  ['Sun, 05 Jan 2014 21:31:40 GMT', 'http-date', 1_388_957_500_000],
  ['Mon, 05 Jan 2014 21:31:40 GMT', 'http-date', undefined],
  ['Sun, 5 Jan 2014 21:31:40 GMT', 'http-date', undefined],
  ['Sunday, 05-Jan-14 21:31:40 GMT', 'http-date', undefined],
]
for (const [text, unit, expected] of cases) t.equal(parseTime(text, unit), expected, `${unit} ${JSON.stringify(text)}`)

t.test('what is written is read, and no text is a fault', async () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 4_102_444_800 }), fc.constantFrom(...timeUnits), (seconds, unit) => (
    parseTime(formatTime(seconds * 1000, unit), unit) === seconds * 1000
  )))
  const near = fc.oneof(fc.string({ unit: fc.constantFrom(...'0129') }), fc.string({ unit: fc.constantFrom(...'2023-01T:.Z+') }))
  fc.assert(fc.property(fc.oneof(fc.string(), near), fc.constantFrom(...timeUnits), (text, unit) => {
    const at = parseTime(text, unit)
    return at === undefined || Number.isFinite(at)
  }))
})
