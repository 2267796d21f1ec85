import t from 'tap'
import { parseDuration, parseSize } from '../../src/core/units.ts'

const durations: [string, number | undefined][] = [
  ['250ms', 250], ['10s', 10_000], ['5m', 300_000], ['24h', 86_400_000], ['7d', 604_800_000], ['0s', 0],
  ['', undefined], ['5', undefined], ['05m', undefined], ['5 m', undefined], ['-5m', undefined], ['1.5h', undefined],
  ['5M', undefined], ['٥m', undefined], ['999999999999999d', undefined],
]
for (const [text, expected] of durations) t.equal(parseDuration(text), expected, `duration ${JSON.stringify(text)}`)

const sizes: [string, number | undefined][] = [
  ['1MiB', 1_048_576], ['16KiB', 16_384], ['512B', 512], ['2GiB', 2_147_483_648],
  ['1MB', undefined], ['1mib', undefined], ['18014398509481985KiB', undefined], ['9007199254740KiB', undefined],
]
for (const [text, expected] of sizes) t.equal(parseSize(text), expected, `size ${JSON.stringify(text)}`)
