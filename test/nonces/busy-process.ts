import { writeSync } from 'node:fs'
import { plainStore } from '../../src/core/store-plan.ts'
import { openStore } from '../../src/nonces/open.ts'
import { systemWorld } from '../../src/world.ts'
import { nonceOf } from '../contracts/store.ts'

/**
 * A process that accepts deliveries as fast as it can, and says so on standard output after each commit: for being
 * killed. Arguments: the store, the name of the first delivery.
 */
const [url = '', prefix = ''] = process.argv.slice(2)
const opened = await openStore(plainStore(url), systemWorld)
if ('problem' in opened) throw new Error(opened.problem.what)
const { store } = opened

for (let count = 0; ; count += 20) {
  const claims = await Promise.all(Array.from({ length: 20 }, (_, at) => store.claim(nonceOf(`${prefix}-${count + at}`), 10_000)))
  await Promise.all(claims.map(async (claim, at) => {
    if (claim.state !== 'claimed') throw new Error(claim.state)
    if (await claim.commit({ status: 204, until: Date.now() + 3_600_000 })) writeSync(1, `${prefix}-${count + at}\n`)
  }))
}
