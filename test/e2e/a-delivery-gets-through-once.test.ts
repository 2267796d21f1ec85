import { createHmac } from 'node:crypto'
import t from 'tap'
import { secretText, startGateway, type TestGateway } from '../support/gateway.ts'
import { rawTls, valueOf } from '../support/raw.ts'
import { answer, startReceiver } from '../support/receiver.ts'

const hmac = (text: string, encoding: 'hex' | 'base64' = 'hex'): string => createHmac('sha256', secretText).update(text).digest(encoding)
const post = (headers: readonly string[], body: string): string => (
  ['POST /hook HTTP/1.1', 'Host: localhost', `Content-Length: ${body.length}`, ...headers, '', body].join('\r\n')
)
const github = (body: string, ...more: string[]): string => post([`X-Hub-Signature-256: sha256=${hmac(body)}`, ...more], body)
const route = (preset: string, replay: Record<string, unknown> = {}) => ({ signature: { preset, secrets: ['env:SECRET'] }, replay })
const connect = ({ port, pki }: TestGateway) => rawTls(port, { ca: pki.ca.certificate, servername: 'localhost' })

for (const store of ['memory:', 'file:data/nonces']) {
  void t.test(`${store} of 25 identical deliveries at once one reaches the receiver`, async (t) => {
    const receiver = await startReceiver()
    t.teardown(() => receiver.close())
    const gateway = await startGateway(t, { receiver: receiver.port, routes: [route('github', { onReplay: 'refuse' })], settings: { replay: { store } } })
    const clients = await Promise.all(Array.from({ length: 25 }, () => connect(gateway)))
    const statuses = await Promise.all(clients.map(async (client) => (await client.send(github('once')).response()).status))
    for (const client of clients) client.close()
    t.equal(receiver.seen.length, 1)
    t.equal(statuses.filter((status) => status === 200).length, 1)
    t.ok(statuses.every((status) => [200, 409, 503].includes(status)))
  })
}

void t.test('an unsigned id that an attacker changes makes no new delivery', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: receiver.port, routes: [route('github', { onReplay: 'refuse' })] })
  const client = await connect(gateway)
  t.teardown(() => client.close())
  t.equal((await client.send(github('a', 'X-GitHub-Delivery: 1')).response()).status, 200)
  t.equal((await client.send(github('a', 'X-GitHub-Delivery: 2')).response()).status, 409)
  t.equal((await client.send(github('a', 'X-Hub-Signature: sha1=00')).response()).status, 409)
  t.equal((await client.send(post([`X-Hub-Signature-256: sha256=${hmac('a').toUpperCase()}`], 'a')).response()).status, 409, 'spelled otherwise, and the same')
  t.equal(receiver.seen.length, 1)
})

void t.test('a retry that is signed anew is a duplicate: the stored status, and not forwarded', async (t) => {
  const receiver = await startReceiver({ script: answer('HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n') })
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: receiver.port, routes: [{ ...route('standard-webhooks'), signature: { preset: 'standard-webhooks', secrets: ['env:WHSEC'] } }], environment: { WHSEC: `whsec_${Buffer.from(secretText).toString('base64')}` } })
  const client = await connect(gateway)
  t.teardown(() => client.close())
  const attempt = (): string => {
    const time = Math.floor(gateway.world.clock.now() / 1000)
    return post(['webhook-id: msg_1', `webhook-timestamp: ${time}`, `webhook-signature: v1,${hmac(`msg_1.${time}.{}`, 'base64')}`], '{}')
  }
  const first = attempt()
  t.equal((await client.send(first).response()).status, 202)
  gateway.world.clock.advance(5_000)
  const again = await client.send(attempt()).response()
  t.equal(again.status, 202)
  t.equal(valueOf(again.headers, 'sallyport-duplicate'), 'true')
  t.equal((await client.send(first).response()).status, 409, 'the same signed bytes are a replay')
  gateway.world.clock.advance(20 * 3_600_000)
  t.equal((await client.send(attempt()).response()).status, 202, 'for as long as the sender retries')
  t.equal(receiver.seen.length, 1)
  t.match((await gateway.audit(4)).map(({ reason }) => reason), [undefined, 'duplicate', 'replayed', 'duplicate'])
})

const failures: [string, Parameters<typeof startReceiver>[0], number][] = [
  ['a 500', { script: answer('HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n') }, 500],
  ['a 404', { script: answer('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n') }, 404],
  ['a redirection', { script: answer('HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n') }, 302],
  ['a connection that breaks', { script: (socket) => socket.destroy() }, 502],
]
for (const [name, options, status] of failures) {
  void t.test(`${name} releases, and the retry gets through`, async (t) => {
    const receiver = await startReceiver(options)
    t.teardown(() => receiver.close())
    const gateway = await startGateway(t, { receiver: receiver.port, routes: [route('github', { onReplay: 'refuse' })] })
    const client = await connect(gateway)
    t.teardown(() => client.close())
    t.equal((await client.send(github('x')).response()).status, status)
    receiver.script = answer('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    t.equal((await client.send(github('x')).response()).status, 200)
    t.equal((await client.send(github('x')).response()).status, 409)
    t.equal(receiver.seen.length, 2)
  })
}

void t.test('a sender that hangs up does not make its delivery new again', async (t) => {
  const held: { write: (text: string) => unknown }[] = []
  const receiver = await startReceiver({ script: (socket) => { held.push(socket) } })
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: receiver.port, routes: [route('github', { onReplay: 'refuse' })] })
  const first = await connect(gateway)
  first.send(github('gone'))
  await receiver.sawAtLeast(1)
  first.close()
  held[0]?.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  t.match(await gateway.audit(1), [{ verdict: 'accepted', nonce: 'committed' }])
  const second = await connect(gateway)
  t.teardown(() => second.close())
  t.equal((await second.send(github('gone')).response()).status, 409)
  t.equal(receiver.seen.length, 1)
})
