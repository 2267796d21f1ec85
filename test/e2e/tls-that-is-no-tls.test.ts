import { connect as connectTcp, createServer, type AddressInfo } from 'node:net'
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'
import t from 'tap'
import { startGateway } from '../support/gateway.ts'
import { rawTcp, rawTls } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'
import { startRelay } from '../support/relay.ts'

/** What TLS fuzzers do: each is refused and recorded, nothing reaches the receiver, and the next honest sender is served. */

const receiver = await startReceiver()
t.teardown(() => receiver.close())
const gateway = await startGateway(t, { receiver: receiver.port, routes: [{ certificate: {} }], settings: { limits: { connectionsPerAddress: 10_000 } } })
const identity = { cert: gateway.sender.chain, key: gateway.sender.key, ca: gateway.pki.ca.certificate }
const request = 'POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi'

let records = 0
let served = 0

/** The next record, and that an honest sender is still served. */
async function recorded(): Promise<Record<string, unknown>> {
  const record = (await gateway.audit(++records)).at(records - 1) ?? {}
  const client = await rawTls(gateway.port, identity)
  const { status } = await client.send(request).response()
  client.close()
  records++
  served++
  if (status !== 200 || receiver.seen.length !== served) throw new Error(`an honest delivery was answered with ${status}; the receiver saw ${receiver.seen.length} of ${served}`)
  await gateway.audit(records)
  return record
}

const record = (type: number, body: Buffer, length = body.length): Buffer => Buffer.concat([Buffer.of(type, 3, 1, length >> 8, length & 0xff), body])
const handshake = (type: number, body: Buffer, length = body.length): Buffer => Buffer.concat([Buffer.of(type, length >> 16, (length >> 8) & 0xff, length & 0xff), body])
const vector = (size: 1 | 2, body: Buffer, length = body.length): Buffer => Buffer.concat([size === 1 ? Buffer.of(length) : Buffer.of(length >> 8, length & 0xff), body])

interface Hello { readonly version?: number; readonly ciphers?: Buffer; readonly compressions?: Buffer; readonly extensions?: Buffer }

function hello({ version = 0x0303, ciphers = Buffer.from('c02bc02f', 'hex'), compressions = Buffer.of(0), extensions = Buffer.alloc(0) }: Hello): Buffer {
  return handshake(1, Buffer.concat([
    Buffer.of(version >> 8, version & 0xff), Buffer.alloc(32, 7), vector(1, Buffer.alloc(0)), vector(2, ciphers), vector(1, compressions), vector(2, extensions),
  ]))
}

const extension = (type: number, body: Buffer): Buffer => Buffer.concat([Buffer.of(type >> 8, type & 0xff), vector(2, body)])
const name = (bytes: Buffer, type = 0): Buffer => Buffer.concat([Buffer.of(type), vector(2, bytes)])
const called = (...names: Buffer[]): Buffer => record(22, hello({ extensions: extension(0, vector(2, Buffer.concat(names))) }))
const again = (count: number, bytes: Buffer): Buffer => Buffer.concat(Array.from({ length: count }, () => bytes))

const openings: [string, Buffer][] = [
  ['plain HTTP', Buffer.from(request)], ['junk', Buffer.alloc(4_096, 0xa5)], ['zeros', Buffer.alloc(4_096)], ['SSL 2', Buffer.from('802e0103010015000000100100800300800700c006004002008004008000000a', 'hex')],
  ['a heartbeat', record(24, Buffer.from('0140001234', 'hex'))], ['heartbeats behind a hello', Buffer.concat([record(22, hello({})), again(50, record(24, Buffer.from('01ffff', 'hex')))])],
  ['an oversized record', record(22, Buffer.alloc(20_000), 20_000)], ['a record longer than all', record(22, Buffer.alloc(100), 0xffff)], ['a hello of 16 MiB', record(22, handshake(1, Buffer.alloc(16_000), 0xffffff))],
  ['empty records', again(2_000, record(22, Buffer.alloc(0)))], ['warnings', again(500, record(21, Buffer.of(1, 90)))], ['a fatal alert', record(21, Buffer.of(2, 40))], ['alerts of half a length', again(10, record(21, Buffer.of(1)))],
  ['data before a handshake', record(23, Buffer.from(request))], ['changes of cipher', again(100, record(20, Buffer.of(1)))], ['a hello and changes of cipher', Buffer.concat([record(22, hello({})), again(200, record(20, Buffer.of(1)))])],
  ['two hellos', Buffer.concat([record(22, hello({})), record(22, hello({}))])], ['a Finished first', record(22, handshake(20, Buffer.alloc(12)))], ['a key update first', record(22, handshake(24, Buffer.of(1)))], ['a server’s hello', record(22, handshake(2, Buffer.alloc(70)))],
  ['SSL 3', record(22, hello({ version: 0x0300 }))], ['TLS 1.0', record(22, hello({ version: 0x0301 }))], ['TLS 1.1', record(22, hello({ version: 0x0302 }))], ['a version of nowhere', record(22, hello({ version: 0x0100 }))],
  ['no ciphers', record(22, hello({ ciphers: Buffer.alloc(0) }))], ['half a cipher', record(22, hello({ ciphers: Buffer.of(0xc0) }))], ['weak ciphers', record(22, hello({ ciphers: Buffer.from('0004000500090001002f0035', 'hex') }))], ['null ciphers', record(22, hello({ ciphers: Buffer.from('00000001c010', 'hex') }))],
  ['compression alone', record(22, hello({ compressions: Buffer.of(1) }))], ['no compression', record(22, hello({ compressions: Buffer.alloc(0) }))], ['extensions cut', record(22, hello({ extensions: Buffer.from('0000ffff', 'hex') }))], ['an extension twice', record(22, hello({ extensions: again(2, extension(23, Buffer.alloc(0))) }))],
  ['three thousand extensions', record(22, hello({ extensions: Buffer.concat(Array.from({ length: 3_000 }, (_, at) => extension(0x2000 + at, Buffer.alloc(0)))) }))],
  ['early data', record(22, hello({ extensions: Buffer.concat([extension(43, vector(1, Buffer.from('0304', 'hex'))), extension(42, Buffer.alloc(0)), extension(41, Buffer.alloc(40, 1))]) }))],
  ['an empty list of protocols', record(22, hello({ extensions: extension(16, vector(2, Buffer.alloc(0))) }))], ['an empty protocol', record(22, hello({ extensions: extension(16, vector(2, vector(1, Buffer.alloc(0)))) }))], ['h2 alone', record(22, hello({ extensions: extension(16, vector(2, vector(1, Buffer.from('h2')))) }))],
  ['a thousand protocols', record(22, hello({ extensions: extension(16, vector(2, again(1_000, vector(1, Buffer.from('x/1.0'))))) }))],
  ['a name with NUL', called(name(Buffer.from('localhost\0.evil.example')))], ['an empty name', called(name(Buffer.alloc(0)))], ['an empty list of names', record(22, hello({ extensions: extension(0, vector(2, Buffer.alloc(0))) }))], ['a name of 300 bytes', called(name(Buffer.alloc(300, 'a')))],
  ['a name of 16,000 bytes', called(name(Buffer.alloc(16_000, 'a')))], ['two names', called(name(Buffer.from('localhost')), name(Buffer.from('other.example')))], ['a name of another type', called(name(Buffer.from('localhost'), 9))], ['a name of high bytes', called(name(Buffer.alloc(20, 0xff)))], ['a name whose length lies', record(22, hello({ extensions: extension(0, vector(2, Buffer.from('000050616263', 'hex'))) }))],
]

void t.test('openings', async (t) => {
  for (const [what, bytes] of openings) {
    const client = await rawTcp(gateway.port)
    client.send(bytes)
    client.socket.end()
    await client.ended()
    t.match(await recorded(), { verdict: 'refused', reason: 'handshake-failed', status: 0, source: '127.0.0.1' }, what)
  }
})

/** The handshake records of a packet in records of this size: to TLS the very same messages (RFC 8446 §5.1). */
function fragmented(packet: Buffer, size: number): Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0; at + 5 <= packet.length;) {
    const end = at + 5 + packet.readUInt16BE(at + 3)
    for (let from = at + 5; from < end; from += size) pieces.push(record(packet[at] as number, packet.subarray(from, Math.min(end, from + size))))
    at = end
  }
  return pieces
}

void t.test('a hello in fragments names whom it names (CVE-2026-32305)', async (t) => {
  for (const size of [1, 5, 64, 150]) {
    const port = await startRelay(t, gateway.port, (first) => fragmented(first, size))
    const client = await rawTls(port, identity)
    t.equal((await client.send(request).response()).status, 200, `fragments of ${size}`)
    client.close()
    await gateway.audit(++records)
    served++
    const stranger = connectTls({ port, host: '127.0.0.1', ...identity, servername: 'other.example', checkServerIdentity: () => undefined }).on('error', () => undefined)
    stranger.once('secureConnect', () => { stranger.write(request) })
    await new Promise((done) => stranger.once('close', done).resume())
    t.match(await recorded(), { verdict: 'refused', reason: 'handshake-failed', facts: { error: 'UNKNOWN_NAME', host: 'other.example' } })
  }
})

void t.test('a sender that wants to negotiate again in TLS 1.2 is not heard', async (t) => {
  const client = await rawTls(gateway.port, { ...identity, maxVersion: 'TLSv1.2' })
  const outcome = await new Promise<Error | null>((done) => {
    client.socket.once('error', done).once('close', () => done(new Error('closed')));
    (client.socket as TLSSocket).renegotiate({}, done)
  })
  t.ok(outcome, 'it is told so')
  await client.ended()
  const { status } = await (await rawTls(gateway.port, identity)).send(request).response()
  t.equal(status, 200)
  served++
  records += 2
  t.match((await gateway.audit(records)).at(-2), { verdict: 'refused', reason: 'malformed-request' }, 'on record, too')
  t.equal(receiver.seen.length, served)
})

/** A peer in the middle that puts another message in the place of the sender's Certificate, which TLS 1.2 sends in the clear. */
async function swapping(t: { readonly teardown: (run: () => unknown) => unknown }, message: Buffer): Promise<number> {
  const server = createServer((sender) => {
    const onward = connectTcp({ host: '127.0.0.1', port: gateway.port })
    onward.on('error', () => sender.destroy()).pipe(sender)
    let pending: Buffer = Buffer.alloc(0)
    sender.on('error', () => onward.destroy()).on('end', () => onward.end()).on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk])
      while (pending.length >= 5 && pending.length >= 5 + pending.readUInt16BE(3)) {
        const one = pending.subarray(0, 5 + pending.readUInt16BE(3))
        pending = pending.subarray(one.length)
        if (one[0] === 22 && one[5] === 11) for (let at = 0; at < message.length; at += 16_000) onward.write(record(22, message.subarray(at, at + 16_000)))
        else onward.write(one)
      }
    })
  })
  await new Promise<void>((listening) => { server.listen(0, '127.0.0.1', listening) })
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

const three = (body: Buffer, length = body.length): Buffer => Buffer.concat([Buffer.of(length >> 16, (length >> 8) & 0xff, length & 0xff), body])
const chain = (...certificates: Buffer[]): Buffer => handshake(11, three(Buffer.concat(certificates.map((one) => three(one)))))
const { der } = gateway.sender

/** The same bytes with one sequence in them replaced by another of its length. */
function changed(from: string, to: string): Buffer {
  const text = der.toString('hex')
  if (!text.includes(from) || from.length !== to.length) throw new Error(`nothing to change: ${from}`)
  return Buffer.from(text.replaceAll(from, to), 'hex')
}

const certificates: [string, Buffer][] = [
  ['none in the list', chain()], ['an empty one', chain(Buffer.alloc(0))], ['junk', chain(Buffer.alloc(500, 0x30))], ['cut', chain(der.subarray(0, der.length - 20))], ['with bytes behind it', chain(Buffer.concat([der, Buffer.alloc(9)]))],
  ['a length that lies', handshake(11, three(three(der, der.length + 9)))], ['a hundred', chain(...Array.from({ length: 100 }, () => der))], ['a megabyte of them', chain(...Array.from({ length: Math.ceil(1_000_000 / der.length) }, () => der))], ['endless nesting', chain(again(4_000, Buffer.of(0x30, 0x80)))],
  ['a key of an unknown kind (CVE-2024-24783)', chain(changed('06072a8648ce3d0201', '06072a8648ce3d0266'))], ['a key on an unknown curve', chain(changed('06082a8648ce3d030107', '06082a8648ce3d030177'))], ['GOST', chain(changed('06072a8648ce3d0201', '06072a850307010101'))], ['a signature of an unknown kind', chain(changed('06082a8648ce3d040302', '06082a8648ce3d040377'))],
]

void t.test('certificates that are none', async (t) => {
  for (const [what, message] of certificates) {
    const port = await swapping(t, message)
    const socket = connectTls({ port, host: '127.0.0.1', servername: 'localhost', ...identity, maxVersion: 'TLSv1.2' } satisfies ConnectionOptions).on('error', () => undefined)
    socket.once('secureConnect', () => { t.fail(`${what}: it got in`) })
    await new Promise((done) => socket.once('close', done).resume())
    t.match(await recorded(), { verdict: 'refused', status: 0 }, what)
  }
})

void t.test('protocols', async (t) => {
  for (const [protocols, isServed] of [[['http/1.1'], true], [['h2', 'http/1.1'], true], [['h2'], false], [['http/1.0'], false], [['x'.repeat(255)], false]] as const) {
    const socket = connectTls({ port: gateway.port, host: '127.0.0.1', servername: 'localhost', ...identity, ALPNProtocols: [...protocols] }).on('error', () => undefined)
    const secure = await new Promise<boolean>((done) => { socket.once('secureConnect', () => done(true)).once('close', () => done(false)).resume() })
    t.equal(secure, isServed, protocols.join().slice(0, 20))
    socket.destroy()
    if (!isServed) t.match(await recorded(), { verdict: 'refused', reason: 'handshake-failed' })
  }
})
