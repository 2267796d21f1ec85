import fc from 'fast-check'
import t from 'tap'
import { LinkedList, type Linked } from '../../src/core/linked.ts'
import { leftBehind, type Ballast } from '../support/garbage.ts'

class One implements Linked<One> {
  before: One | undefined
  after: One | undefined
  readonly what: Ballast | number

  constructor(what: Ballast | number) {
    this.what = what
  }
}

t.test('those who are in, in the order in which they came', async () => {
  const step = fc.record({ add: fc.boolean(), at: fc.nat(20) })
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const list = new LinkedList<One>()
    const made: One[] = []
    let model: One[] = []
    for (const { add, at } of steps) {
      const one = add ? new One(made.length) : made[at]
      if (one === undefined) continue
      if (add) {
        made.push(one)
        list.append(one)
        model = [...model, one]
      } else {
        list.remove(one)
        model = model.filter((other) => other !== one)
      }
      if (list.size !== model.length || list.first !== model[0] || list.all().some((other, place) => other !== model[place])) return false
    }
    return made.every((one) => model.includes(one) || (one.before === undefined && one.after === undefined))
  }))
})

t.test('who has left may come again', async (t) => {
  const list = new LinkedList<One>()
  const [first, second] = [new One(1), new One(2)]
  list.append(first)
  list.append(second)
  list.remove(first)
  list.append(first)
  t.same(list.all(), [second, first])
})

t.test('who has left is forgotten, also by a list that is old', async (t) => {
  const list = new LinkedList<One>()
  const left = leftBehind((ballast) => {
    const one = new One(ballast)
    list.append(one)
    return () => list.remove(one)
  })
  t.ok(left < 4 * 1024 ** 2, `${left} bytes`)
})
