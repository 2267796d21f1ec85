import fc from 'fast-check'
import t, { type Test } from 'tap'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { block4, vector, version1, version2 } from '../support/proxy-header.ts'
import { rawTcp, rawTls, valueOf } from '../support/raw.ts'
import { startReceiver, type TestReceiver } from '../support/receiver.ts'
import { apart, dripping, joined, startRelay, type Opening } from '../support/relay.ts'

interface Scene { readonly gateway: TestGateway; readonly receiver: TestReceiver }

const admitted = [{ from: ['192.0.2.0/24', '2001:db8::/32'] }]

/** A gateway that lets some in, and hears from these peers who is there. */
async function scene(t: Test, proxyProtocol = ['127.0.0.0/8'], routes: readonly Record<string, unknown>[] = admitted): Promise<Scene> {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, {
    receiver: receiver.port, routes, listener: { sourceAddress: { proxyProtocol } },
  })
  return { gateway, receiver }
}

const request = 'POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}'

async function deliver(t: Test, { gateway }: Scene, opening: Opening) {
  const client = await rawTls(await startRelay(t, gateway.port, opening), { ca: gateway.pki.ca.certificate })
  t.teardown(() => client.close())
  return { client, response: await client.send(request).response() }
}

const six = Buffer.from('20010db800000000000000000000000720010db8000000000000000000000001126701bb', 'hex')

const headers: [name: string, header: Buffer, source: string][] = [
  ['version 1', version1('192.0.2.7', '198.51.100.1'), '192.0.2.7'],
  ['version 1, IPv6', version1('2001:db8::7', '2001:db8::1'), '2001:db8::7'],
  ['version 2', version2(), '192.0.2.7'],
  ['version 2, IPv6', version2({ family: 0x21, block: six }), '2001:db8::7'],
  ['version 2 with TLVs and checksum', version2({ vectors: [vector(0xea, Buffer.alloc(3_000, 'x')), vector(4, Buffer.alloc(0))], checksum: 'right' }), '192.0.2.7'],
]
const openings: [name: string, opening: (header: Buffer) => Opening][] = [['in one packet', joined], ['apart', apart], ['dripping', dripping]]

void t.test('the sender is whom the header names', async (t) => {
  const stage = await scene(t)
  for (const [name, header, source] of headers) {
    for (const [how, opening] of openings) {
      if (how === 'dripping' && header.length > 1_000) continue
      const seen = stage.receiver.seen.length
      const { client, response } = await deliver(t, stage, opening(header))
      t.equal(response.status, 200, `${name}, ${how}`)
      t.equal(valueOf(stage.receiver.seen[seen]?.headers ?? [], 'x-forwarded-for'), source)
      t.equal((await client.send(request).response()).status, 200, 'for the whole connection')
    }
  }
  const records = await stage.gateway.audit(stage.receiver.seen.length)
  t.same(new Set(records.map(({ source }) => source)), new Set(['192.0.2.7', '2001:db8::7']))
})

void t.test('an address that no route admits is dropped before the handshake', async (t) => {
  const { gateway, receiver } = await scene(t)
  const client = await rawTcp(gateway.port)
  client.send(version1('203.0.113.9', '198.51.100.1'))
  t.equal((await client.ended()).rest.length, 0)
  t.match(await gateway.audit(1), [{ verdict: 'refused', reason: 'source-not-allowed', source: '203.0.113.9', status: 0 }])
  t.equal(receiver.seen.length, 0)
})

void t.test('LOCAL and UNKNOWN name nobody: the balancer is the source', async (t) => {
  const { gateway, receiver } = await scene(t)
  for (const header of [version2({ command: 0x20 }), Buffer.from('PROXY UNKNOWN\r\n')]) {
    const client = await rawTcp(gateway.port)
    client.send(header)
    await client.ended()
  }
  t.match(await gateway.audit(2), [
    { reason: 'source-not-allowed', source: '127.0.0.1' }, { reason: 'source-not-allowed', source: '127.0.0.1' },
  ])
  t.equal(receiver.seen.length, 0)
})

const invalid: [name: string, bytes: Buffer][] = [
  ['TLS at once', Buffer.from('16030100c8010000c4', 'hex')],
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['a malformed line', Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 4711\r\n')],
  ['a line too long', Buffer.from(`PROXY TCP4 ${'1'.repeat(200)}`)],
  ['a wrong checksum', version2({ checksum: 'wrong' })],
  ['a length that its TLVs do not fill', version2({ vectors: [Buffer.from([1, 0])] })],
  ['shorter than its addresses', version2({ length: 4, block: block4([192, 0, 2, 7], [1, 1, 1, 1]) })],
]

void t.test('a listed peer must write the header, and write it right', async (t) => {
  const { gateway, receiver } = await scene(t)
  for (const [name, bytes] of invalid) {
    const client = await rawTcp(gateway.port)
    t.equal((await client.send(bytes).ended()).rest.length, 0, `${name}: dropped without a word`)
  }
  const records = await gateway.audit(invalid.length)
  t.same(records.map(({ reason, source }) => [reason, source]), invalid.map(() => ['proxy-header-invalid', '127.0.0.1']))
  t.equal(receiver.seen.length, 0)
})

void t.test('a header that does not come in time, or ends within', async (t) => {
  const { gateway, receiver } = await scene(t)
  const slow = await rawTcp(gateway.port)
  slow.send('PROXY TCP4 192.0')
  let over = false
  const ended = slow.ended().then(() => { over = true })
  while (!over) {
    gateway.world.clock.advance(10_000)
    await new Promise((resolve) => { setImmediate(resolve) })
  }
  await ended
  const broken = await rawTcp(gateway.port)
  broken.send('PROXY TCP4 192.0').socket.end()
  await broken.ended()
  t.match(await gateway.audit(2), [
    { reason: 'proxy-header-invalid', facts: { why: /in time/ } }, { reason: 'proxy-header-invalid', facts: { why: /ended/ } },
  ])
  t.equal(receiver.seen.length, 0)
})

void t.test('a balancer that looks whether we live is no news', async (t) => {
  const stage = await scene(t)
  for (const header of [Buffer.alloc(0), version1('192.0.2.7'), version2()]) {
    const probe = await rawTcp(stage.gateway.port)
    probe.send(header).socket.end()
    await probe.ended()
  }
  t.equal((await deliver(t, stage, joined(version2()))).response.status, 200)
  t.match(await stage.gateway.audit(1), [{ verdict: 'accepted' }])
})

void t.test('nor is a connection that brings no byte, without a balancer', async (t) => {
  const { gateway } = await scene(t, [], [{ open: true }])
  const probe = await rawTcp(gateway.port)
  probe.socket.end()
  await probe.ended()
  const speaks = await rawTcp(gateway.port)
  await speaks.send('GET / HTTP/1.1\r\n\r\n').ended()
  t.match(await gateway.audit(1), [{ reason: 'handshake-failed' }], 'bytes that are no handshake are')
  t.equal((await gateway.audit(1)).length, 1)
})

void t.test('a peer that is not listed cannot say who it is', async (t) => {
  const { gateway, receiver } = await scene(t, ['10.0.0.0/8'])
  const client = await rawTcp(gateway.port)
  await client.send(version1('192.0.2.7')).ended()
  t.match(await gateway.audit(1), [{ reason: 'source-not-allowed', source: '127.0.0.1' }])
  t.equal(receiver.seen.length, 0)
})

void t.test('a second header is not read: it is no TLS', async (t) => {
  const { gateway, receiver } = await scene(t)
  const client = await rawTcp(gateway.port)
  await client.send(Buffer.concat([version1('192.0.2.7'), version1('192.0.2.8')])).ended()
  t.match(await gateway.audit(1), [{ reason: 'handshake-failed', source: '192.0.2.7' }])
  t.equal(receiver.seen.length, 0)
})

void t.test('junk in front of TLS ends its own connection and nothing else', async (t) => {
  const stage = await scene(t)
  const junk = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 300 }),
    fc.uint8Array({ maxLength: 300 }).map((tail) => Buffer.concat([version2(), tail])),
    fc.uint8Array({ maxLength: 300 }).map((tail) => Buffer.concat([version1('192.0.2.7'), tail])),
    fc.nat({ max: 40 }).map((length) => version2({ checksum: 'right' }).subarray(0, length)),
  )
  for (const bytes of fc.sample(junk, 60)) {
    const client = await rawTcp(stage.gateway.port)
    client.send(Buffer.from(bytes)).socket.end()
    await client.ended()
  }
  t.equal((await deliver(t, stage, joined(version2()))).response.status, 200)
  t.equal(stage.receiver.seen.length, 1)
})
