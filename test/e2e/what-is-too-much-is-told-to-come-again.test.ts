import t from 'tap'
import { startGateway } from '../support/gateway.ts'
import { rawTls, valueOf, type RawClient } from '../support/raw.ts'
import { answerOk, startReceiver, type Script } from '../support/receiver.ts'

const head = (lines: string): string => `POST /hook HTTP/1.1\r\nHost: localhost\r\n${lines}\r\n\r\n`

t.test('deliveries under way past limits.inFlight: refused before the body is read', async (t) => {
  const held: (() => void)[] = []
  const script: Script = (socket, seen, nth) => { held.push(() => answerOk(socket, seen, nth)) }
  const receiver = await startReceiver({ script })
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: receiver.port, routes: [{ open: true }], settings: { limits: { inFlight: 2 } } })
  const connect = async (): Promise<RawClient> => {
    const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate })
    t.teardown(() => client.close())
    return client
  }
  const [one, two, three] = [await connect(), await connect(), await connect()]
  one.send(`${head('Content-Length: 1')}x`)
  two.send(`${head('Content-Length: 1')}x`)
  await receiver.sawAtLeast(2)
  three.send(head('Content-Length: 1000\r\nExpect: 100-continue'))
  const refused = await three.response()
  t.equal(refused.status, 503)
  t.match(JSON.parse(refused.body.toString()), { reason: 'overloaded' })
  t.equal(valueOf(refused.headers, 'retry-after'), '5')
  t.match(await gateway.audit(1), [{ verdict: 'refused', reason: 'overloaded', facts: { busy: 'in-flight' } }])
  for (const release of held.splice(0)) release()
  t.equal((await one.response()).status, 200)
  t.equal((await two.response()).status, 200)
  t.equal(receiver.seen.length, 2)
  receiver.script = answerOk
  one.send(`${head('Content-Length: 1')}x`)
  t.equal((await one.response()).status, 200, 'and then it goes on')
})

t.test('an event loop that is late takes nothing on until it is not', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: receiver.port, routes: [{ open: true }] })
  const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate })
  t.teardown(() => client.close())
  const { clock } = gateway.world
  clock.stall(1_000)
  clock.stall(1_000)
  client.send(`${head('Content-Length: 1')}x`)
  t.equal((await client.response()).status, 503)
  t.match(await gateway.audit(1), [{ reason: 'overloaded', facts: { busy: 'event-loop' } }])
  await t.rejects(rawTls(gateway.port, { ca: gateway.pki.ca.certificate }), 'no handshake is begun')
  t.equal(receiver.seen.length, 0)
  clock.advance(1_000)
  client.send(`${head('Content-Length: 1')}x`)
  t.equal((await client.response()).status, 200)
})

t.test('bodies past limits.buffered: refused before they are read, whoever holds the rest', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: receiver.port, routes: [{ open: true }], settings: { limits: { buffered: '1000B' } } })
  const connect = async (): Promise<RawClient> => {
    const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate })
    t.teardown(() => client.close())
    return client
  }
  const [holding, announced, chunked] = [await connect(), await connect(), await connect()]
  holding.send(head('Content-Length: 600\r\nExpect: 100-continue'))
  t.equal((await holding.response()).status, 100, 'its 600 bytes are taken')
  announced.send(head('Content-Length: 401\r\nExpect: 100-continue'))
  const refused = await announced.response()
  t.equal(refused.status, 503, 'no 100 before it')
  t.equal(valueOf(refused.headers, 'retry-after'), '5')
  chunked.send(`${head('Transfer-Encoding: chunked')}191\r\n${'x'.repeat(0x191)}\r\n`)
  t.equal((await chunked.response()).status, 503, 'nobody knew how long it is until it was too long')
  const exact = await connect()
  t.equal((await exact.send(`${head('Content-Length: 400')}${'x'.repeat(400)}`).response()).status, 200, 'what is left is given out')
  holding.send('x'.repeat(600))
  t.equal((await holding.response()).status, 200)
  const after = await connect()
  t.equal((await after.send(`${head('Content-Length: 1000')}${'x'.repeat(1000)}`).response()).status, 200, 'all of it is free again')
  t.match((await gateway.audit(5)).filter(({ verdict }) => verdict === 'refused'), [{ reason: 'overloaded' }, { reason: 'overloaded' }])
  t.equal(receiver.seen.length, 3)
})
