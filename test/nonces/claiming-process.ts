import { connectStore } from '../../src/nonces/shared-worker.ts'
import { systemWorld } from '../../src/world.ts'
import { nonceOf } from '../contracts/store.ts'

/** A worker that claims one nonce of the store at the path in its argument, and waits to be killed. */
const store = await connectStore(process.argv[2] ?? '', systemWorld.clock)
const claim = await store.claim(nonceOf('claimed by a process'), 10_000)
process.send?.(claim.state)
setInterval(() => undefined, 60_000)
