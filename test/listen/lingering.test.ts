import { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import t from 'tap'
import { Inbox } from '../../src/listen/inbox.ts'
import { Lingering } from '../../src/listen/lingering.ts'
import type { RequestBody } from '../../src/listen/request-body.ts'
import { StillClock } from '../support/world.ts'

const mebibyte = Buffer.alloc(1024 * 1024)

function linger(body?: Pick<RequestBody, 'arrived' | 'isOver'>) {
  const clock = new StillClock()
  const socket = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() }) as unknown as TLSSocket
  socket.destroySoon = () => void socket.destroy()
  const inbox = new Inbox(socket)
  inbox.add(Buffer.from('written ahead'))
  return { clock, socket, inbox, lingering: new Lingering({ socket, inbox, body: body as RequestBody | undefined, clock }) }
}

t.test('two seconds, and no longer', async (t) => {
  const { clock, socket, inbox } = linger()
  t.equal(inbox.length, 0, 'what was written ahead is dropped')
  t.ok(socket.writableEnded)
  clock.advance(1_999)
  t.notOk(socket.destroyed)
  clock.advance(1)
  t.ok(socket.destroyed)
})

t.test('four mebibytes, and no more', async (t) => {
  const { socket, inbox, lingering } = linger()
  for (let nth = 0; nth < 4; nth++) lingering.take(mebibyte)
  t.notOk(socket.destroyed)
  t.equal(inbox.length, 0, 'nothing is kept')
  lingering.take(Buffer.alloc(1))
  t.ok(socket.destroyed)
})

t.test('what comes after that, while the last write is still under way, counts for nothing', async (t) => {
  const { socket, lingering } = linger()
  let ends = 0
  socket.destroySoon = () => { ends += 1 }
  for (let nth = 0; nth < 20; nth++) lingering.take(mebibyte)
  t.equal(ends, 1, 'each one would wait for that write by itself')
})

t.test('until the body is over', async (t) => {
  let left = 2
  const { socket, lingering } = linger({ arrived: () => { left-- }, get isOver() { return left === 0 } })
  lingering.take(Buffer.alloc(1))
  t.notOk(socket.destroyed)
  lingering.take(Buffer.alloc(1))
  t.ok(socket.destroyed)
})

t.test('stopped, where the connection ended by itself', async (t) => {
  const { clock, socket, lingering } = linger()
  lingering.stop()
  clock.advance(10_000)
  t.notOk(socket.destroyed)
})
