import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import t from 'tap'
import { Deadlines } from '../../src/core/deadlines.ts'
import { ReceiverConnection } from '../../src/forward/receiver-connection.ts'
import type { Breakage } from '../../src/forward/response-sink.ts'
import { StillClock } from '../support/clock.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const outbound = { method: 'POST', target: '/in', headers: ['A', 'b'], body: Buffer.from('body') }
const request = 'POST /in HTTP/1.1\r\nhost: r\r\nconnection: keep-alive\r\nA: b\r\ncontent-length: 4\r\n\r\nbody'
const response = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')

/** A connection over a socket that is none: what is written is kept. `head`: what whoever asked says to a head. */
function open(head: 'go-on' | 'wait' = 'go-on') {
  const written: string[] = []
  const told: string[] = []
  const socket = new Duplex({
    read: () => undefined, allowHalfOpen: true,
    write: (chunk: Buffer, _, done) => {
      written.push(chunk.toString('latin1'))
      done()
    },
  }) as unknown as Socket & Duplex
  socket.destroySoon = () => socket.destroy()
  const clock = new StillClock()
  const connection = new ReceiverConnection(socket, { host: 'r', freed: () => told.push('freed'), gone: () => told.push('gone'), closing: new Deadlines(5_000, clock) })
  const sink = {
    isWanted: true, written: () => told.push('written'), data: (chunk: Uint8Array) => (told.push(Buffer.from(chunk).toString()), 'go-on' as const),
    head: (status: number) => (told.push(`${status}`), head), complete: () => { told.push('complete') },
    broken: ({ kind, code }: Breakage) => { told.push(`${kind}: ${code}`) },
  }
  return { clock, socket, connection, sink, written, told, ask: () => connection.send(outbound, sink) }
}

t.test('a request leaves at the end of the turn, in one piece; the connection is free a turn after its response', async (t) => {
  const { connection, written, told, ask } = open()
  ask()
  t.same(written, [])
  await turn()
  t.same(written, [request])
  connection.take(response)
  t.same(told, ['written'])
  await turn()
  t.same(told, ['written', '200', 'ok', 'complete'])
  await turn()
  t.equal(told.at(-1), 'freed')
  t.ok(connection.isUsable)
})

t.test('what comes before the request has left is not its response', async (t) => {
  const { connection, socket, written, told, ask } = open()
  ask()
  connection.take(response)
  t.ok(socket.destroyed)
  await turn()
  t.same(written, [])
  t.same(told, ['connection: closed', 'gone'], 'it may go another way')
})

t.test('who does not want it any more before it has left is spared it', async (t) => {
  const { connection, written, told, ask } = open()
  ask()
  connection.abort()
  await turn()
  t.same(written, [])
  t.same(told, ['gone'])
})

t.test('nobody waits for it any more when it is to leave: the connection is free for the next one', async (t) => {
  const { connection, sink, written, told, ask } = open()
  ask()
  sink.isWanted = false
  await turn()
  t.same([written, told], [[], ['freed']])
  t.ok(connection.isUsable)
})

for (const [how, end] of [['a reset', (socket: Duplex) => socket.destroy(new Error('reset'))], ['an end', (socket: Duplex) => socket.push(null)]] as const) {
  t.test(`${how} in the turn of the response takes nothing of it away`, async (t) => {
    const { connection, socket, told, ask } = open()
    socket.resume()
    ask()
    await turn()
    connection.take(response)
    end(socket)
    await turn()
    await turn()
    t.same(told, ['written', '200', 'ok', 'complete', 'gone'])
  })
}

const toTheEnd = Buffer.from('HTTP/1.1 200 OK\r\n\r\nok')

for (const [how, end, bytes, outcome] of [
  ['a reset', (socket: Duplex) => socket.destroy(new Error('reset')), response, ['ok', 'complete']],
  ['an end', (socket: Duplex) => socket.push(null), response, ['ok', 'complete']],
  ['an end that is the end of the response', (socket: Duplex) => socket.push(null), toTheEnd, ['ok', 'complete']],
  ['a reset where the end was to come', (socket: Duplex) => socket.destroy(new Error('reset')), toTheEnd, ['ok', 'connection: closed']],
  ['an end in the midst of a response', (socket: Duplex) => socket.push(null), response.subarray(0, -1), ['o', 'response: closed']],
] as const) {
  t.test(`${how}, and whoever asked waits: it is told when it goes on, behind all that came`, async (t) => {
    const { connection, socket, told, ask } = open('wait')
    ask()
    await turn()
    connection.take(bytes)
    end(socket)
    socket.read(0)
    for (let turns = 0; turns < 3; turns++) await turn()
    t.same(told.filter((what) => what !== 'gone'), ['written', '200'])
    t.notOk(connection.isUsable)
    connection.resume()
    for (let turns = 0; turns < 3; turns++) await turn()
    t.same(told.filter((what) => what !== 'gone'), ['written', '200', ...outcome])
    t.equal(told.filter((what) => what === 'gone').length, 1)
  })
}

t.test('a response in pieces of one turn: the second is not kept waiting', async (t) => {
  const { connection, told, ask } = open()
  ask()
  await turn()
  connection.take(response.subarray(0, 20))
  t.same(told, ['written'])
  connection.take(response.subarray(20, -1))
  t.same(told, ['written', '200', 'o'])
  connection.take(response.subarray(-1))
  t.same(told, ['written', '200', 'o', 'k', 'complete'])
  await turn()
  t.notMatch(told, /freed/, 'an end may be on its way')
  await turn()
  t.equal(told.at(-1), 'freed')
})
