import t from 'tap'
import { editDistance } from '../../src/core/edit-distance.ts'

const rows: [string, string, number][] = [
  ['', '', 0], ['a', '', 1], ['github', 'github', 0], ['githb', 'github', 1], ['kitten', 'sitting', 3], ['a'.repeat(65), 'a', Number.POSITIVE_INFINITY],
]
for (const [one, other, distance] of rows) t.equal(editDistance(one, other), distance, `${one.slice(0, 8)} ${other}`)
