import t from 'tap'
import { startGateway } from '../support/gateway.ts'
import { rawTcp } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

/** The last connection of a gateway that drains breaks off in its handshake: Node tells of it only when the socket is gone. */

for (const how of ['end', 'destroy', 'resetAndDestroy'] as const) {
  t.test(`${how}: it is on record before the audit log is closed`, async (t) => {
    const receiver = await startReceiver()
    t.teardown(() => receiver.close())
    const gateway = await startGateway(t, { receiver: receiver.port, routes: [{ open: true }] })
    const client = await rawTcp(gateway.port)
    // The beginning of a ClientHello; a handshake is awaited, and the clock stands still.
    client.send(Buffer.from('16030100050100', 'hex'))
    await gateway.world.clock.awaited(10_000)
    for (let turns = 0; turns < 20; turns++) await new Promise(setImmediate)
    const end = gateway.gateway.drain()
    client.socket[how]()
    await end
    t.match(await gateway.audit(0), [{ verdict: 'refused', reason: 'handshake-failed', facts: { error: 'ECONNRESET' } }])
  })
}
