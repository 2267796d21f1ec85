import { entryBytes } from '../../src/nonces/entry.ts'
import { joinDirectory } from '../../src/nonces/shared.ts'
import { systemWorld } from '../../src/world.ts'
import { nonceOf } from '../contracts/store.ts'

/**
 * A worker that has joined a directory (arguments: directory, run, how many deliveries, how many entries a file) and claims them all, in its own order,
 * as fast as it can; what it got it commits, releases or keeps, by its number, and says so. Then it waits to be killed.
 */
const [directory = '', run = '', count = '0', entries = '100000'] = process.argv.slice(2)
const store = joinDirectory(directory, run, { ...systemWorld, fill: { bytes: Number(entries) * entryBytes, age: 3_600_000 } })
const start = process.pid % Number(count)
process.send?.('joined')
process.once('message', () => { void claimAll() })

async function claimAll(): Promise<void> {
  for (let nth = 0; nth < Number(count); nth++) {
    const id = (start + nth) % Number(count)
    const claim = await store.claim(nonceOf(String(id)), 3_600_000)
    if (claim.state !== 'claimed') continue
    process.send?.({ claimed: id })
    if (id % 3 === 0 && await claim.commit({ status: 201, until: Date.now() + 3_600_000 })) process.send?.({ committed: id })
  }
  process.send?.('done')
}

process.once('disconnect', () => process.exit())
setInterval(() => undefined, 60_000)
