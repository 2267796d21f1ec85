import { IncomingMessage, ServerResponse } from 'node:http'
import { TLSSocket } from 'node:tls'
import { Socket } from 'node:net'
import t from 'tap'
import { parseAddress } from '../../src/addresses/address.ts'
import type { Address } from '../../src/core/delivery.ts'
import { SenderConnection, type Turn } from '../../src/listen/connection.ts'
import { StillClock } from '../support/world.ts'

const from = parseAddress('192.0.2.1') as Address

t.test('how long an answer lies unread', async (t) => {
  const clock = new StillClock()
  let answer = (): void => {}
  const serve = () => new Promise<void>((resolve) => { answer = resolve })
  const connection = new SenderConnection({
    socket: new TLSSocket(new Socket()), from, certificateOf: () => undefined, sourceOf: () => from, serve, clock,
  })
  const request = new IncomingMessage(new Socket())
  const turn: Turn = { request, response: new ServerResponse(request), first: undefined, expect: 'nothing', lineFault: undefined }
  connection.take(turn)
  clock.advance(60_000)
  t.equal(connection.unread, 0, 'the receiver may take its time')
  answer()
  await new Promise((resolve) => { setImmediate(resolve) })
  clock.advance(1_000)
  t.equal(connection.unread, 1_000)
  turn.response.emit('close')
  t.equal(connection.unread, 0)
  t.ok(connection.idle)
})
