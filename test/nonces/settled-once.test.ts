import t from 'tap'
import { SettledOnce } from '../../src/nonces/settled-once.ts'

class Counted extends SettledOnce<boolean> {
  readonly done: string[] = []
  protected override keep({ status }: { readonly status: number }): boolean { return this.done.push(`kept ${status}`) > 0 }
  protected override giveBack(): boolean { return this.done.push('given back') > 0 }
}

void t.test('the first settlement counts, and no other does anything', (t) => {
  const outcome = { status: 200, until: 1 }
  const committed = new Counted()
  t.same([committed.commit(outcome), committed.commit(outcome), committed.release()], [true, false, false])
  t.same(committed.done, ['kept 200'])
  const released = new Counted()
  t.same([released.release(), released.release(), released.commit(outcome)], [true, false, false])
  t.same(released.done, ['given back'])
  t.end()
})
