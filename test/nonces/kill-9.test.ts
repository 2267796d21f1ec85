import { join } from 'node:path'
import t from 'tap'
import { plainStore } from '../../src/core/store-plan.ts'
import { openStore } from '../../src/nonces/open.ts'
import { systemWorld } from '../../src/world.ts'
import { nonceOf } from '../contracts/store.ts'
import { reportedBeforeKill } from './kill.ts'

t.test('every commit that was reported before a kill -9 is found after it', async (t) => {
  const url = `file:${join(t.testdir(), 'nonces')}`
  const all: string[] = []
  for (const [round, atLeast] of [1, 500, 5_000, 20_000].entries()) {
    const reported = await reportedBeforeKill(url, `round${round}`, atLeast)
    all.push(...reported)
    const opened = await openStore(plainStore(url), systemWorld)
    if ('problem' in opened) throw new Error(opened.problem.what)
    const claims = await Promise.all(all.map((id) => opened.store.claim(nonceOf(id), 1_000)))
    t.equal(claims.filter((claim) => claim.state === 'committed' && claim.status === 204).length, all.length, `${all.length} of them`)
    const next = await opened.store.claim(nonceOf(`round${round}-never`), 1_000)
    t.equal(next.state, 'claimed', 'what was not accepted can come again')
    if (next.state === 'claimed') await next.release()
    await opened.store.close()
  }
})
