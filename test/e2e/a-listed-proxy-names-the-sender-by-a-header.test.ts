import t, { type Test } from 'tap'
import { ConfigurationError } from '../../src/config/problems.ts'
import { startGateway } from '../support/gateway.ts'
import { rawTls, valueOf } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

async function scene(t: Test, sourceAddress: Record<string, unknown>) {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: receiver.port, routes: [{ from: ['192.0.2.0/24'] }], listener: { sourceAddress } })
  const send = async (lines: readonly string[]) => {
    const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate })
    t.teardown(() => client.close())
    return await client.send(['POST /hook HTTP/1.1', 'Host: localhost', 'Content-Length: 2', ...lines, '', '{}'].join('\r\n')).response()
  }
  return { gateway, receiver, send }
}

type Row = [lines: string[], status: number, source: string, reason?: string]

const loopback = '127.0.0.0/8'
const lines: [name: string, sourceAddress: Record<string, unknown>, rows: Row[]][] = [
  ['X-Forwarded-For', { forwardedFor: [loopback] }, [
    [['X-Forwarded-For: 192.0.2.7'], 200, '192.0.2.7'],
    [['X-Forwarded-For: 203.0.113.9, 192.0.2.7'], 200, '192.0.2.7'],
    [['X-Forwarded-For: 192.0.2.7, 127.0.0.9'], 200, '192.0.2.7'],
    [['X-Forwarded-For: 192.0.2.7', 'X-Forwarded-For: 203.0.113.9'], 403, '203.0.113.9', 'source-not-allowed'],
    [['X-Forwarded-For: 192.0.2.7, 203.0.113.9'], 403, '203.0.113.9', 'source-not-allowed'],
    [['X-Forwarded-For: ::ffff:192.0.2.7'], 200, '192.0.2.7'],
    [['X-Forwarded-For: 203.0.113.9, [::ffff:c000:207]:4711 , 127.0.0.9,::ffff:127.0.0.8'], 200, '192.0.2.7'],
    [['X-Forwarded-For: ::192.0.2.7'], 403, '::c000:207', 'source-not-allowed'],
    [['X-Forwarded-For: 2002:c000:207::'], 403, '2002:c000:207::', 'source-not-allowed'],
    [['X-Forwarded-For: 64:ff9b::192.0.2.7'], 403, '64:ff9b::c000:207', 'source-not-allowed'],
    [['X-Forwarded-For: 64:ff9b:1::192.0.2.7'], 403, '64:ff9b:1::c000:207', 'source-not-allowed'],
    [['X-Forwarded-For: 2001:0:c000:207::3fff:fdf8'], 403, '2001:0:c000:207::3fff:fdf8', 'source-not-allowed'],
    [['X-Forwarded-For: fe80::5efe:192.0.2.7'], 403, 'fe80::5efe:c000:207', 'source-not-allowed'],
    // A trusted proxy in IPv6's dress is no trusted proxy: it is the sender.
    [['X-Forwarded-For: 192.0.2.7, 64:ff9b::127.0.0.1'], 403, '64:ff9b::7f00:1', 'source-not-allowed'],
    [['Forwarded: for=192.0.2.7'], 403, '127.0.0.1', 'source-not-allowed'],
    [['X_Forwarded_For: 192.0.2.7'], 403, '127.0.0.1', 'source-not-allowed'],
    [[], 403, '127.0.0.1', 'source-not-allowed'],
    [['X-Forwarded-For: unknown'], 400, '127.0.0.1', 'malformed-request'],
    ...['0300.0.2.7', '192.0.02.7', '192.0.519', '3221225991', '0xc0000207', '0xc0.0.2.7', 'fe80::1%eth0', '192.0.2.7%eth0', '"192.0.2.7"', '[192.0.2.7]', '192.0.2.7:x', '192.0.2.7/32', '192.0.2.7 127.0.0.1', '127.0.0.1:', '_hidden', 'localhost']
      .map((text): Row => [[`X-Forwarded-For: ${text}`], 400, '127.0.0.1', 'malformed-request']),
  ]],
  ['Forwarded', { forwarded: [loopback] }, [
    [['Forwarded: for=203.0.113.9, for="192.0.2.7:4711";proto=https'], 200, '192.0.2.7'],
    [['Forwarded: for=192.0.2.7', 'X-Forwarded-For: 203.0.113.9'], 200, '192.0.2.7'],
    [['X-Forwarded-For: 192.0.2.7'], 403, '127.0.0.1', 'source-not-allowed'],
    [['Forwarded: for=192.0.2.7, for=203.0.113.9'], 403, '203.0.113.9', 'source-not-allowed'],
    [['Forwarded: For="[::ffff:192.0.2.7]:4711"; Host="a;b,c" ; by=127.0.0.1'], 200, '192.0.2.7'],
    [['Forwarded: for="203.0.113.9, for=192.0.2.9", for=192.0.2.7, for="[::ffff:127.0.0.9]:_port"'], 400, '127.0.0.1', 'malformed-request'],
    [['Forwarded: for="203.0.113.9, for=192.0.2.9", for="192.0.2.\\7"', 'Forwarded: for="127.0.0.9"'], 200, '192.0.2.7'],
    [['Forwarded: for="[64:ff9b::c000:207]"'], 403, '64:ff9b::c000:207', 'source-not-allowed'],
    ...['for=unknown', 'for="unknown:4711"', 'for="_hidden:_port"', 'for=[::ffff:192.0.2.7]', 'for=192.0.2.7:4711', 'for="0300.0.2.7"', 'for="fe80::1%eth0"', 'proto=https', 'for=192.0.2.7;for=192.0.2.8', 'for=192.0.2.7,', '']
      .map((text): Row => [[`Forwarded: ${text}`], 400, '127.0.0.1', 'malformed-request']),
    [['Forwarded: for=_hidden'], 400, '127.0.0.1', 'malformed-request'],
    [['Forwarded: for="192.0.2.7'], 400, '127.0.0.1', 'malformed-request'],
  ]],
]

for (const [name, sourceAddress, rows] of lines) {
  void t.test(name, async (t) => {
    const { gateway, receiver, send } = await scene(t, sourceAddress)
    let accepted = 0
    for (const [written, status] of rows) {
      t.equal((await send(written)).status, status, JSON.stringify(written))
      if (status === 200) accepted++
      t.equal(receiver.seen.length, accepted)
    }
    for (const seen of receiver.seen) {
      t.equal(valueOf(seen.headers, 'x-forwarded-for'), '192.0.2.7')
      t.equal(valueOf(seen.headers, 'forwarded'), undefined)
    }
    const records = await gateway.audit(rows.length)
    t.same(records.map(({ source, reason }) => [source, reason]), rows.map(([, , source, reason]) => [source, reason]))
  })
}

void t.test('a peer that is not listed is the sender, whatever it writes', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, {
    receiver: receiver.port, routes: [{ from: [loopback] }], listener: { sourceAddress: { forwardedFor: ['10.0.0.0/8'] } },
  })
  const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate })
  t.teardown(() => client.close())
  const response = await client.send('POST /hook HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 10.0.0.1, junk\r\n\r\n').response()
  t.equal(response.status, 200)
  t.equal(valueOf(receiver.seen[0]?.headers ?? [], 'x-forwarded-for'), '127.0.0.1')
})

void t.test('a proxy that a reload no longer trusts is not believed, on an open connection either', async (t) => {
  const { gateway, receiver } = await scene(t, { forwardedFor: [loopback] })
  const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate })
  t.teardown(() => client.close())
  const send = async () => (await client.send('POST /hook HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n').response()).status
  t.equal(await send(), 200)
  const [listener] = gateway.settings['listeners'] as Record<string, unknown>[]
  gateway.write({ ...gateway.settings, listeners: [{ ...listener, sourceAddress: {} }] })
  t.equal(await gateway.gateway.reload(), 'taken')
  t.equal(await send(), 403)
  t.equal(receiver.seen.length, 1)
})

void t.test('mistakes of the operator', async (t) => {
  const wrong = [
    { forwardedFor: [loopback], forwarded: [loopback] }, { forwardedFor: ['127.0.0.1/8'] }, { proxyProtocol: ['10.0'] }, { proxyProtocol: ['@stripe'] },
  ]
  for (const sourceAddress of wrong) {
    await t.rejects(startGateway(t, { receiver: 1, routes: [{ open: true }], listener: { sourceAddress } }), ConfigurationError, JSON.stringify(sourceAddress))
  }
})
