import { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import t from 'tap'
import { parseAddress } from '../../src/addresses/address.ts'
import type { Address } from '../../src/core/delivery.ts'
import type { Limits } from '../../src/core/plan.ts'
import { SenderConnection } from '../../src/listen/connection.ts'
import { respondProblem } from '../../src/listen/respond.ts'
import type { Turn } from '../../src/listen/turn.ts'
import { StillClock } from '../support/world.ts'

const from = parseAddress('192.0.2.1') as Address
const limits = { headers: 1_000, headersTimeout: 10_000, idleTimeout: 5_000 } as Limits
const request = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab'
const turns = async (): Promise<void> => { for (let nth = 0; nth < 5; nth++) await new Promise(setImmediate) }

/** A connection over a socket that is none: what is written is kept, and is read only while `reads` says so. */
function open(serve: (turn: Turn) => void = () => undefined) {
  const clock = new StillClock()
  const written: string[] = []
  let held: (() => void) | undefined
  const state = { reads: true }
  const socket = new Duplex({
    read: () => undefined, allowHalfOpen: true,
    write: (chunk: Buffer, _, done) => {
      written.push(chunk.toString('latin1'))
      if (state.reads) done()
      else held = () => done()
    },
  }) as unknown as TLSSocket & Duplex
  socket.destroySoon = () => {
    if (socket.writableEnded) socket.destroy()
    else socket.end(() => socket.destroy())
  }
  const refused: string[] = []
  const connection = new SenderConnection({
    socket, from, limits, clock, certificateOf: () => undefined, sourceOf: () => from, serve, date: () => 'now',
    refuse: (_, reply, reason, what) => {
      refused.push(`${reason}: ${what}`)
      respondProblem(reply, { id: 'x', status: 400, title: 'no', reason: undefined, retryAfter: undefined, headers: [] })
    },
  })
  connection.open()
  return { clock, written, socket, refused, connection, state, release: () => held?.(), tick: () => connection.tick(clock.monotonic()) }
}

/** Reads the body and answers. */
function answer({ body, reply }: Turn): void {
  body.flowTo({ data: () => undefined, end: () => { reply.writeHead(200, ['Content-Length', '2']); reply.end(Buffer.from('ok')) }, broken: () => reply.abort() })
}

t.test('a head that does not come, from the first byte on and from none', async (t) => {
  for (const beginning of ['', 'POST / HT']) {
    const { socket, clock, refused, tick, written } = open()
    if (beginning !== '') socket.push(beginning)
    await turns()
    clock.advance(10_000)
    tick()
    t.strictSame(refused, [])
    clock.advance(1)
    tick()
    await turns()
    t.match(refused, [/^headers-timeout/])
    t.match(written.join(''), /^HTTP\/1\.1 400 .*Connection: close/s)
  }
})

t.test('the time for a head is over in the turn in which its end came, and before that was looked at: it came in time', async (t) => {
  for (const pieces of [[request], ['POST / HTTP/1.1\r\nHost: a\r\n', 'Content-Length: 2\r\n\r\nab']]) {
    const { socket, clock, refused, tick, written } = open(answer)
    for (const piece of pieces) {
      await turns()
      clock.advance(6_000)
      socket.push(piece)
    }
    await new Promise((resume) => { process.nextTick(resume) })
    clock.advance(10_001)
    tick()
    await turns()
    t.strictSame(refused, [])
    t.match(written.join(''), /^HTTP\/1\.1 200 /)
  }
})

t.test('a connection with nothing to do is closed, not refused', async (t) => {
  const { socket, clock, refused, tick, written } = open(answer)
  socket.push(request)
  await turns()
  t.match(written.join(''), /^HTTP\/1\.1 200 OK\r\nContent-Length: 2\r\nDate: now\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\nok$/)
  clock.advance(5_000)
  tick()
  t.notOk(socket.writableEnded)
  clock.advance(1)
  tick()
  t.ok(socket.writableEnded)
  t.strictSame(refused, [])
})

t.test('an answer that nobody reads ends the connection', async (t) => {
  const { socket, clock, tick, state } = open(answer)
  state.reads = false
  socket.push(request)
  await turns()
  clock.advance(5_001)
  tick()
  t.ok(socket.destroyed)
})

t.test('the receiver may take its time', async (t) => {
  const { socket, clock, tick, connection } = open()
  socket.push(request)
  await turns()
  clock.advance(100_000)
  tick()
  t.notOk(socket.destroyed)
  t.notOk(connection.idle)
})

t.test('the next request waits for the answer before it, and for the sender to read', async (t) => {
  const served: Turn[] = []
  const { socket, state, release } = open((turn) => { served.push(turn) })
  socket.push(request + request + request)
  await turns()
  t.equal(served.length, 1)
  answer(served[0] as Turn)
  await turns()
  t.equal(served.length, 2)
  state.reads = false
  const reply = (served[1] as Turn).reply
  ;(served[1] as Turn).body.skip()
  reply.writeHead(200, ['Content-Length', '100000'])
  reply.end(Buffer.alloc(100_000))
  await turns()
  t.equal(served.length, 2, 'it has not read')
  state.reads = true
  release()
  await turns()
  t.equal(served.length, 3)
})

t.test('what is written far ahead is not read off the sender', async (t) => {
  const { socket } = open()
  socket.push(request + 'x'.repeat(100_000))
  await turns()
  t.ok(socket.isPaused())
})

t.test('a body that is not read: the answer closes, what still comes is thrown away, and the end of it ends it', async (t) => {
  const { socket, written } = open(({ reply }) => { reply.writeHead(403, ['Content-Length', '0']); reply.end() })
  socket.push('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc')
  await turns()
  t.match(written.join(''), /Connection: close/)
  t.ok(socket.writableEnded, 'it has its answer')
  t.notOk(socket.destroyed, 'and is still writing')
  socket.push('defghij')
  await turns()
  t.ok(socket.destroyed)
})

t.test('one that never ends has two seconds', async (t) => {
  const { socket, clock } = open((turn) => { turn.forfeit(); turn.reply.writeHead(403, ['Content-Length', '0']); turn.reply.end() })
  socket.push(request)
  await turns()
  clock.advance(1_999)
  t.notOk(socket.destroyed)
  clock.advance(1)
  t.ok(socket.destroyed)
})

t.test('a sender that goes away in its body, in its head and behind both', async (t) => {
  const broken: string[] = []
  const reading = open(({ body }) => body.flowTo({ data: () => undefined, end: () => undefined, broken: () => { broken.push('broken') } }))
  reading.socket.push('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc')
  reading.socket.push(null)
  await turns()
  t.strictSame(broken, ['broken'])
  const head = open()
  head.socket.push('POST / HT')
  head.socket.push(null)
  await turns()
  t.strictSame(head.refused, ['malformed-request: cut'])
  const none = open()
  none.socket.push(null)
  await turns()
  t.ok(none.socket.writableEnded)
  t.strictSame(none.refused, [])
})

t.test('HTTP/1.0 and Connection', async (t) => {
  const rows: [string, RegExp][] = [
    ['HTTP/1.0\r\n', /Connection: close/], ['HTTP/1.0\r\nConnection: keep-alive\r\n', /Connection: keep-alive/], ['HTTP/1.1\r\nConnection: close\r\n', /Connection: close/],
  ]
  for (const [end, expected] of rows) {
    const { socket, written } = open(answer)
    socket.push(`POST / ${end}Host: a\r\n\r\n`)
    await turns()
    t.match(written.join(''), expected, end)
  }
})

t.test('a sender that writes its last and reads on is answered for all that was whole', async (t) => {
  const later: (() => void)[] = []
  const { socket, written } = open((turn) => { later.push(() => answer(turn)) })
  socket.push(request + request)
  socket.push(null)
  await turns()
  later[0]?.()
  await turns()
  later[1]?.()
  await turns()
  t.equal(written.join('').split('HTTP/1.1 200').length - 1, 2)
  t.match(written.join(''), /keep-alive.*Connection: close/s, 'and the last one says that it is')
  t.ok(socket.writableEnded)
})

t.test('a connection that closes behind an answer which nobody reads is ended as one that is idle', async (t) => {
  const { socket, clock, state, tick } = open(answer)
  state.reads = false
  socket.push(request.replace('Host', 'Connection: close\r\nHost'))
  await turns()
  clock.advance(5_000)
  tick()
  t.notOk(socket.destroyed)
  clock.advance(1)
  tick()
  t.ok(socket.destroyed)
})

t.test('what is no TLS any more within a delivery closes the connection, and its body is broken', async (t) => {
  let isBroken = false
  const { socket, refused } = open(({ body }) => { body.flowTo({ data: () => undefined, end: () => undefined, broken: () => { isBroken = true } }) })
  socket.push(request.slice(0, -1))
  await turns()
  socket.emit('error', Object.assign(new Error('no TLS'), { code: 'ERR_SSL_UNEXPECTED_MESSAGE' }))
  await turns()
  t.ok(socket.destroyed)
  t.ok(isBroken)
  t.strictSame(refused, [])
})

t.test('a request a turn, also where each is answered at once: nobody else waits for what one sender wrote ahead', async (t) => {
  let served = 0
  const { socket, written } = open((turn) => {
    served++
    answer(turn)
  })
  socket.push(request.repeat(4))
  await new Promise(process.nextTick)
  socket.push(null)
  for (let before = 0; served < 4; before = served) {
    await new Promise(setImmediate)
    t.ok(served - before <= 1, 'the others have their turn later')
  }
  await turns()
  t.equal(served, 4)
  t.equal(written.join('').split('HTTP/1.1 200').length - 1, 4)
  t.match(written.join(''), /Connection: close\r\n\r\nok$/, 'the last one closes')
})

t.test('a request of this turn comes before what befell the connection in it', async (t) => {
  const befalls: Record<string, (opened: ReturnType<typeof open>) => void> = {
    'no TLS any more': ({ socket }) => { socket.emit('error', Object.assign(new Error('no TLS'), { code: 'ERR_SSL_UNEXPECTED_MESSAGE' })) },
    'dismissed': ({ connection }) => connection.dismiss(),
    'an end': ({ socket }) => { socket.push(null) },
  }
  for (const [name, befall] of Object.entries(befalls)) {
    let served = 0
    const opened = open((turn) => {
      served++
      answer(turn)
    })
    opened.socket.push(request)
    await new Promise(process.nextTick)
    t.equal(served, 0, name)
    t.notOk(opened.connection.idle)
    befall(opened)
    await turns()
    t.equal(served, 1, name)
    t.strictSame(opened.refused, [])
    t.ok(opened.socket.writableEnded || opened.socket.destroyed)
  }
})
