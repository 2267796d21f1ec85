import t from 'tap'
import { checkTime } from '../../src/core/time-window.ts'

const window = { past: 300_000, future: 60_000 }
const now = 1_700_000_000_000

const cases: [string, number, string | undefined][] = [
  ['now', now, undefined],
  ['one inside the past edge', now - 299_999, undefined],
  ['at the past edge', now - 300_000, undefined],
  ['one beyond the past edge', now - 300_001, 'timestamp-expired'],
  ['one inside the future edge', now + 59_999, undefined],
  ['at the future edge', now + 60_000, undefined],
  ['one beyond the future edge', now + 60_001, 'timestamp-in-future'],
  ['not a number', NaN, 'timestamp-expired'],
  ['never', -Infinity, 'timestamp-expired'],
  ['for ever', Infinity, 'timestamp-in-future'],
]
for (const [name, at, expected] of cases) t.equal(checkTime(at, now, window), expected, name)
t.equal(checkTime(now, now, { past: 0, future: 0 }), undefined, 'a window of nothing still takes the very instant')
