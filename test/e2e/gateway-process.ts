import { Gateway } from '../../src/gateway.ts'
import { systemWorld } from '../../src/world.ts'

/** A whole gateway in a process of its own, for being killed: the configuration is its argument; it tells its port. */
const gateway = await Gateway.start(process.argv[2] ?? '', systemWorld)
process.send?.(gateway.addresses[0]?.port)
