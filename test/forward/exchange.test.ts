import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import t from 'tap'
import { Deadlines } from '../../src/core/deadlines.ts'
import type { Endpoint } from '../../src/forward/endpoint.ts'
import { Exchange } from '../../src/forward/exchange.ts'
import { Health } from '../../src/forward/health.ts'
import { ReceiverConnection } from '../../src/forward/receiver-connection.ts'
import { StillClock } from '../support/world.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const outbound = { method: 'POST', target: '/in', headers: [], body: new Uint8Array(0) }
const response = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')

/** One delivery over a connection whose socket is none. */
function exchange() {
  const clock = new StillClock()
  const told: string[] = []
  const socket = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() }) as unknown as Socket
  const connection = new ReceiverConnection(socket, { host: 'r', freed: () => undefined, gone: () => undefined, closing: new Deadlines(5_000, clock) })
  const endpoint = { health: new Health(), dispatch: (...asked: Parameters<Endpoint['dispatch']>) => connection.send(...asked) } as unknown as Endpoint
  new Exchange(outbound, {
    head: (status) => (told.push(`${status}`), 'go-on'), data: (chunk) => (told.push(Buffer.from(chunk).toString()), 'go-on'),
    end: () => told.push('end'), failed: (reason) => told.push(reason),
  }, [endpoint], { clock, deadlines: new Deadlines(5_000, clock), unhealthyAfter: 1, retryAfter: 1_000 }).start()
  return { clock, told, connection, socket }
}

t.test('its time is over in the turn in which the response came, and before that was looked at: it came in time', async (t) => {
  const { clock, told, connection } = exchange()
  await turn()
  connection.take(response)
  clock.advance(5_000)
  await turn()
  t.same(told, ['200', 'ok', 'end'])
})

t.test('what is not whole by then did not come in time', async (t) => {
  for (const [bytes, outcome] of [[response.subarray(0, 20), ['receiver-timeout']], [response.subarray(0, -1), ['200', 'o', 'receiver-timeout']]] as const) {
    const { clock, told, connection, socket } = exchange()
    await turn()
    connection.take(bytes)
    clock.advance(5_000)
    await turn()
    t.same(told, outcome)
    t.ok(socket.destroyed)
  }
})
