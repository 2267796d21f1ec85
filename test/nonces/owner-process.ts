import { memoryStore } from '../../src/nonces/memory.ts'
import { serveStore } from '../../src/nonces/shared-owner.ts'
import { systemWorld } from '../../src/world.ts'

/** A process that has a store and serves it at the path in its argument, until it is killed. */
await serveStore(memoryStore(systemWorld.clock), process.argv[2] ?? '')
process.send?.('serving')
setInterval(() => undefined, 60_000)
