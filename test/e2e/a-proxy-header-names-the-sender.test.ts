import fc from 'fast-check'
import t, { type Test } from 'tap'
import { parseAddress } from '../../src/addresses/address.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { block4, vector, version1, version2 } from '../support/proxy-header.ts'
import { rawTcp, rawTls, valueOf, type RawClient } from '../support/raw.ts'
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

const mappedBlock = Buffer.concat([Buffer.from('00000000000000000000ffffc0000207', 'hex'), six.subarray(16)])

const headers: [name: string, header: Buffer, source: string][] = [
  ['version 1', version1('192.0.2.7', '198.51.100.1'), '192.0.2.7'],
  ['version 1, IPv6', version1('2001:db8::7', '2001:db8::1'), '2001:db8::7'],
  ['version 2', version2(), '192.0.2.7'],
  ['version 2, IPv6', version2({ family: 0x21, block: six }), '2001:db8::7'],
  ['version 1, IPv4 spelled as IPv6', version1('::ffff:192.0.2.7', '2001:db8::1'), '192.0.2.7'],
  ['version 2, IPv4 spelled as IPv6', version2({ family: 0x21, block: mappedBlock }), '192.0.2.7'],
  ['version 2, as long as it may be', version2({ vectors: [vector(4, Buffer.alloc(65_535 - 12 - 3))] }), '192.0.2.7'],
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

const nameless: [name: string, header: Buffer][] = [
  ['LOCAL', version2({ command: 0x20 })], ['LOCAL, whatever stands behind it', version2({ command: 0x20, family: 0xff, block: Buffer.alloc(300, 'x') })],
  ['UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n')], ['UNKNOWN, whatever stands behind it', Buffer.from('PROXY UNKNOWN 192.0.2.7 198.51.100.1 4711 443\r\n')],
  ['UNSPEC', version2({ family: 0x00, block: Buffer.alloc(0) })], ['UNSPEC, whatever stands behind it', version2({ family: 0x00 })],
  ['UNIX', version2({ family: 0x31, block: Buffer.alloc(216, 'x'), checksum: 'right' })],
]

void t.test('LOCAL, UNKNOWN, UNSPEC and UNIX name nobody: the balancer is the source', async (t) => {
  const { gateway, receiver } = await scene(t)
  for (const [name, header] of nameless) {
    const client = await rawTcp(gateway.port)
    t.equal((await client.send(header).ended()).rest.length, 0, name)
  }
  t.same((await gateway.audit(nameless.length)).map(({ reason, source }) => [reason, source]), nameless.map(() => ['source-not-allowed', '127.0.0.1']))
  t.equal(receiver.seen.length, 0)
})

void t.test('and where the balancer may send, it does', async (t) => {
  const itself = await scene(t, ['127.0.0.0/8'], [{ from: ['127.0.0.1'] }])
  for (const [name, header] of nameless) {
    t.equal((await deliver(t, itself, apart(header))).response.status, 200, name)
    t.equal(valueOf(itself.receiver.seen.at(-1)?.headers ?? [], 'x-forwarded-for'), '127.0.0.1', name)
  }
  t.equal(itself.receiver.seen.length, nameless.length)
})

/** IPv4 bytes of somebody whom the route admits, inside an address that is not theirs (docs/addresses.md). */
const dressed: [name: string, address: string][] = [
  ['IPv4-compatible', '::c000:207'], ['6to4', '2002:c000:207::'], ['NAT64', '64:ff9b::c000:207'], ['NAT64 for local use', '64:ff9b:1::c000:207'], ['translated (SIIT)', '::ffff:0:c000:207'],
  ['Teredo', '2001:0:c000:207::3fff:fdf8'], ['ISATAP', 'fe80::5efe:c000:207'],
]

void t.test('no form of IPv6 passes for the IPv4 address inside', async (t) => {
  const { gateway, receiver } = await scene(t, ['127.0.0.0/8'], [{ from: ['192.0.2.0/24'] }])
  for (const [name, address] of dressed) {
    const [client, binary] = [await rawTcp(gateway.port), await rawTcp(gateway.port)]
    t.equal((await client.send(version1(address, '2001:db8::1')).ended()).rest.length, 0, name)
    t.equal((await binary.send(version2({ family: 0x21, block: Buffer.concat([parseAddress(address)?.bytes ?? [], six.subarray(16)] as Uint8Array[]) })).ended()).rest.length, 0, name)
  }
  const sources = (await gateway.audit(2 * dressed.length)).map(({ reason, source }) => [reason, source])
  t.same(sources, dressed.flatMap(([, address]) => [['source-not-allowed', address], ['source-not-allowed', address]]))
  t.equal(receiver.seen.length, 0)
})

const invalid: [name: string, bytes: Buffer][] = [
  ['TLS at once', Buffer.from('16030100c8010000c4', 'hex')],
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['a malformed line', Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 4711\r\n')],
  ['a line too long', Buffer.from(`PROXY TCP4 ${'1'.repeat(200)}`)],
  ['a wrong checksum', version2({ checksum: 'wrong' })],
  ['a checksum twice', version2({ vectors: [vector(3, Buffer.alloc(4))], checksum: 'right' })],
  ['a TLV beyond the end', version2({ vectors: [Buffer.from([1, 0xff, 0xff])] })],
  ['a line without its CR', Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\n')],
  ['an address in octal', version1('0300.0.2.7', '198.51.100.1')],
  ['a short address', version1('192.0.7', '198.51.100.1')],
  ['an address with a zone', Buffer.from('PROXY TCP6 fe80::1%eth0 2001:db8::1 4711 443\r\n')],
  ['an address of the other family', Buffer.from('PROXY TCP4 2001:db8::7 2001:db8::1 4711 443\r\n')],
  ['a port too large', version1('192.0.2.7', '198.51.100.1', '65536 443')],
  ['version 3', version2({ command: 0x31 })],
  ['an unknown command', version2({ command: 0x22 })],
  ['datagrams', version2({ family: 0x12 })],
  ['an unknown family', version2({ family: 0x41 })],
  ['UNIX, and too short for it', version2({ family: 0x31 })],
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

/** Time goes on until the gateway has ended this connection. */
async function endedInTime({ world }: Scene['gateway'], client: RawClient): Promise<void> {
  let over = false
  const ended = client.ended().then(() => { over = true })
  while (!over) {
    world.clock.advance(10_000)
    await new Promise((resolve) => { setImmediate(resolve) })
  }
  await ended
}

void t.test('a header that does not come in time, or ends within', async (t) => {
  const { gateway, receiver } = await scene(t)
  const slow = await rawTcp(gateway.port)
  slow.send('PROXY TCP4 192.0')
  await endedInTime(gateway, slow)
  const broken = await rawTcp(gateway.port)
  broken.send('PROXY TCP4 192.0').socket.end()
  await broken.ended()
  t.match(await gateway.audit(2), [
    { reason: 'proxy-header-invalid', facts: { why: /in time/ } }, { reason: 'proxy-header-invalid', facts: { why: /ended/ } },
  ])
  t.equal(receiver.seen.length, 0)
})

void t.test('a header that never ends, however long it says it is', async (t) => {
  const { gateway, receiver } = await scene(t)
  const endless = await rawTcp(gateway.port)
  const whole = version2({ vectors: [vector(4, Buffer.alloc(65_535 - 12 - 3))] })
  endless.send(whole.subarray(0, -1))
  await endedInTime(gateway, endless)
  t.match(await gateway.audit(1), [{ reason: 'proxy-header-invalid', facts: { why: /in time/ } }])
  t.equal(receiver.seen.length, 0)
})

void t.test('the header names a balancer further out: what that one writes into the request is read', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: receiver.port, routes: [{ from: ['192.0.2.0/24'] }], listener: { sourceAddress: { proxyProtocol: ['127.0.0.0/8'], forwardedFor: ['198.51.100.0/24'] } } })
  const say = async (outer: string, forwarded: string): Promise<number | 'closed'> => {
    try {
      const client = await rawTls(await startRelay(t, gateway.port, apart(version1(outer))), { ca: gateway.pki.ca.certificate })
      t.teardown(() => client.close())
      return (await client.send(`POST /hook HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: ${forwarded}\r\nContent-Length: 2\r\n\r\n{}`).response()).status
    } catch {
      return 'closed'
    }
  }
  t.equal(await say('198.51.100.9', '192.0.2.7'), 200)
  t.equal(await say('198.51.100.9', '203.0.113.9'), 403)
  t.equal(await say('198.51.100.9', '192.0.2.7, 203.0.113.9'), 403)
  t.equal(await say('203.0.113.9', '192.0.2.7'), 'closed', 'whoever is not listed says nothing of others')
  t.equal(await say('192.0.2.8', '203.0.113.9'), 200, 'and is the sender itself')
  t.same(receiver.seen.map(({ headers: lines }) => valueOf(lines, 'x-forwarded-for')), ['192.0.2.7', '192.0.2.8'])
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
  await fc.assert(fc.asyncProperty(junk, async (bytes) => {
    const client = await rawTcp(stage.gateway.port)
    client.send(Buffer.from(bytes)).socket.end()
    await client.ended()
  }), { numRuns: 60 })
  t.equal((await deliver(t, stage, joined(version2()))).response.status, 200)
  t.equal(stage.receiver.seen.length, 1)
})
