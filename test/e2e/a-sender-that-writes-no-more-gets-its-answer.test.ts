import { createHmac } from 'node:crypto'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { secretText, startGateway, type TestGateway } from '../support/gateway.ts'
import { rawTls, type RawClient } from '../support/raw.ts'
import { answerOk, startReceiver, type TestReceiver } from '../support/receiver.ts'

/**
 * Half-close: the sender ends its side and reads on, with TLS's own goodbye (RFC 8446 §6.1) or by a FIN alone, at any place of
 * its delivery. What was whole is answered, what was not is refused, and the nonce is settled either way.
 */

const route = { signature: { preset: 'github', secrets: ['env:SECRET'] }, replay: { onReplay: 'refuse' } }

function signed(body: string): string {
  const signature = createHmac('sha256', secretText).update(body).digest('hex')
  return `POST /hook HTTP/1.1\r\nHost: localhost\r\nX-Hub-Signature-256: sha256=${signature}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

interface HalfClosing { readonly client: RawClient; readonly end: () => void }
type Goodbye = (t: Test, gateway: TestGateway, version: 'TLSv1.2' | 'TLSv1.3') => Promise<HalfClosing>

const byNotify: Goodbye = async (t, { port, pki }, version) => {
  const client = await rawTls(port, { ca: pki.ca.certificate, maxVersion: version, allowHalfOpen: true } as object)
  t.teardown(() => client.close())
  return { client, end: () => client.socket.end() }
}

/** Somebody in between closes one direction below TLS, once all that was written is through. */
const byFin: Goodbye = async (t, { port, pki }, version) => {
  let onward: Socket | undefined
  const between = createServer({ allowHalfOpen: true }, (sender) => {
    onward = connect({ host: '127.0.0.1', port, allowHalfOpen: true })
    onward.on('error', () => sender.destroy()).pipe(sender)
    sender.on('error', () => onward?.destroy()).pipe(onward, { end: false })
    sender.on('close', () => onward?.destroy())
  })
  await new Promise<void>((listening) => { between.listen(0, '127.0.0.1', listening) })
  t.teardown(() => between.close())
  const client = await rawTls((between.address() as AddressInfo).port, { ca: pki.ca.certificate, maxVersion: version })
  t.teardown(() => client.close())
  const written = (): Promise<void> => new Promise((done) => { client.socket.write('', () => done()) })
  return { client, end: () => void written().then(() => setImmediate(() => setImmediate(() => onward?.end()))) }
}

async function start(t: Test): Promise<{ readonly gateway: TestGateway; readonly receiver: TestReceiver }> {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  return { receiver, gateway: await startGateway(t, { receiver: receiver.port, routes: [route] }) }
}

async function again(t: Test, { port, pki }: TestGateway, bytes: string): Promise<number> {
  const client = await rawTls(port, { ca: pki.ca.certificate })
  t.teardown(() => client.close())
  return (await client.send(bytes).response()).status
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  for (const [name, goodbye] of [['its goodbye', byNotify], ['a FIN alone', byFin]] as const) {
    t.test(`${version}, ${name} behind requests that are refused at once: each of them is`, async (t) => {
      const { gateway, receiver } = await start(t)
      const { client, end } = await goodbye(t, gateway, version)
      client.send('POST /elsewhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nab'.repeat(3))
      end()
      for (let nth = 0; nth < 3; nth++) t.equal((await client.response()).status, 404)
      t.same(receiver.seen, [])
    })

    t.test(`${version}, ${name} behind the request, while the receiver is at work`, async (t) => {
      const { gateway, receiver } = await start(t)
      let answer = (): void => undefined
      receiver.script = (socket, seen, nth) => { answer = () => answerOk(socket, seen, nth) }
      const { client, end } = await goodbye(t, gateway, version)
      client.send(signed('one'))
      end()
      await receiver.sawAtLeast(1)
      for (let turns = 0; turns < 50; turns++) await new Promise(setImmediate)
      answer()
      t.equal((await client.response()).status, 200)
      await client.ended()
      t.match(await gateway.audit(1), [{ verdict: 'accepted', nonce: 'committed' }])
      t.equal(await again(t, gateway, signed('one')), 409)
      t.equal(receiver.seen.length, 1)
    })

    t.test(`${version}, ${name} behind three requests at once: each is answered`, async (t) => {
      const { gateway, receiver } = await start(t)
      const { client, end } = await goodbye(t, gateway, version)
      client.send(signed('one') + signed('two') + signed('one'))
      end()
      t.same([(await client.response()).status, (await client.response()).status, (await client.response()).status], [200, 200, 409])
      await client.ended()
      t.equal(receiver.seen.length, 2)
    })

    for (const [where, cut, reason] of [['in the body', -1, 'body-incomplete'], ['in the head', 40, 'malformed-request']] as const) {
      t.test(`${version}, ${name} ${where}: refused, and the whole delivery passes afterwards`, async (t) => {
        const { gateway, receiver } = await start(t)
        const { client, end } = await goodbye(t, gateway, version)
        client.send(signed('one').slice(0, cut))
        end()
        const { status, body } = await client.response()
        t.equal(status, 400)
        t.match(JSON.parse(body.toString()), { reason })
        await client.ended()
        t.match(await gateway.audit(1), [{ verdict: 'refused', reason }])
        t.equal(receiver.seen.length, 0)
        t.equal(await again(t, gateway, signed('one')), 200)
      })
    }
  }
}
