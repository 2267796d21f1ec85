import fc from 'fast-check'
import t from 'tap'
import { Rows, type InRow } from '../../src/nonces/rows.ts'
import { leftBehind, type Ballast } from '../support/garbage.ts'

class One implements InRow<One> {
  before: One | undefined
  after: One | undefined
  beside: One | undefined
  readonly word: number
  readonly ballast: Ballast | undefined

  constructor(word: number, ballast?: Ballast) {
    this.word = word
    this.ballast = ballast
  }
}

function inRow(rows: Rows<One>, word: number): One[] {
  const all: One[] = []
  for (let one = rows.row(word); one !== undefined; one = one.beside) all.push(one)
  return all
}

t.test('whoever is in stands once in the row of his word, and in the order of all', async () => {
  // Words that share their lower bits at any number of rows, also where the highest bit makes them negative.
  const word = fc.tuple(fc.nat(3), fc.constantFrom(0, 1 << 20, 1 << 31)).map(([low, high]) => low | high)
  const step = fc.record({ word, leaves: fc.option(fc.nat(200), { nil: undefined }) })
  fc.assert(fc.property(fc.array(step, { maxLength: 400, size: 'max' }), (steps) => {
    const rows = new Rows<One>()
    let model: One[] = []
    for (const { word, leaves } of steps) {
      const gone = leaves === undefined ? undefined : model[leaves]
      if (gone === undefined) model.push(new One(word))
      if (gone === undefined) rows.add(model.at(-1) as One)
      else rows.delete(gone)
      model = model.filter((one) => one !== gone)
      rows.delete(new One(word))
      if (rows.size !== model.length || rows.oldest !== model[0]) return false
      if (!model.every((one) => inRow(rows, one.word).filter((other) => other === one).length === 1)) return false
      if (gone !== undefined && (inRow(rows, gone.word).includes(gone) || gone.beside !== undefined)) return false
    }
    return rows.all().length === model.length && rows.all().every((one, at) => one === model[at])
  }))
})

t.test('a row is short, however many are in, and after they have left', async (t) => {
  const rows = new Rows<One>()
  const all = Array.from({ length: 10_000 }, (_, at) => new One(at))
  for (const one of all) rows.add(one)
  t.ok(all.every(({ word }) => inRow(rows, word).length === 1), 'as many rows as there are, at least')
  for (const one of all.slice(10)) rows.delete(one)
  t.same(rows.all(), all.slice(0, 10))
})

t.test('who has left is forgotten', async (t) => {
  const rows = new Rows<One>()
  let count = 0
  const left = leftBehind((ballast) => {
    const one = new One(count++, ballast)
    rows.add(one)
    return () => rows.delete(one)
  })
  t.ok(left < 4 * 1024 ** 2, `${left} bytes`)
})
