import { createHmac } from 'node:crypto'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import t from 'tap'
import { deepest } from '../../src/schemes/json-value.ts'
import { mostPairs } from '../../src/schemes/form.ts'
import { secretText, startGateway, type TestGateway } from '../support/gateway.ts'
import { rawTls, valueOf } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

/** Bytes are signed, and bytes are forwarded: nothing is unpacked, no charset is guessed, and what is read has bounds. */

const hmac = (body: string | Uint8Array, hash = 'sha256', encoding: 'hex' | 'base64' = 'hex'): string => createHmac(hash, secretText).update(body).digest(encoding)
const connect = ({ port, pki }: TestGateway) => rawTls(port, { ca: pki.ca.certificate, servername: 'localhost' })
const head = (body: Uint8Array, lines: readonly string[]): string => (
  ['POST /hook HTTP/1.1', 'Host: localhost', `Content-Length: ${body.length}`, ...lines, '', ''].join('\r\n')
)

const text = Buffer.from(JSON.stringify({ text: 'Grüße '.repeat(50) }))
const latin1 = Buffer.from('{"name":"Gr\u00fc\u00dfe \u0080"}', 'latin1')
const packed = gzipSync(text)

void t.test('whatever the encoding says: the bytes of the wire are verified and forwarded', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: receiver.port, routes: [{ signature: { preset: 'github', secrets: ['env:SECRET'] } }] })
  const client = await connect(gateway)
  t.teardown(() => client.close())
  const cases: [string, Uint8Array, string[]][] = [
    ['gzip', packed, ['Content-Encoding: gzip']],
    ['deflate', deflateSync(text), ['Content-Encoding: deflate']],
    ['brotli', brotliCompressSync(text), ['Content-Encoding: br']],
    ['two codings', gzipSync(packed), ['Content-Encoding: gzip, gzip']],
    ['said to be gzip, and is not', text, ['Content-Encoding: gzip']],
    ['a coding of nobody', packed, ['Content-Encoding: x-none']],
    ['packed, and nobody says so', packed, []],
    ['a charset that is said', latin1, ['Content-Type: application/json; charset=iso-8859-1']],
    ['a charset that is not said, and no UTF-8', latin1, ['Content-Type: application/json']],
    ['UTF-16 with its mark', Buffer.from('\ufeff{}', 'utf16le'), ['Content-Type: application/json; charset=utf-16']],
    ['a mark before UTF-8', Buffer.from('\ufeff{}'), ['Content-Type: application/json; charset=utf-8']],
  ]
  for (const [name, body, lines] of cases) {
    client.send(head(body, [...lines, `X-Hub-Signature-256: sha256=${hmac(body)}`]))
    client.send(body)
    t.equal((await client.response()).status, 200, name)
    const seen = receiver.seen.at(-1)
    t.same(Buffer.from(seen?.body ?? []), Buffer.from(body), `${name}: the same bytes`)
    for (const line of lines) {
      const [header = '', value] = line.split(': ')
      t.equal(valueOf(seen?.headers ?? [], header.toLowerCase()), value, `${name}: ${header} is untouched`)
    }
    t.equal(valueOf(seen?.headers ?? [], 'content-length'), String(body.length))
  }
  t.equal(receiver.seen.length, cases.length)

  const refused: [string, Uint8Array, string][] = [
    ['signed before it was packed', packed, hmac(text)],
    ['signed packed, unpacked on the way', text, hmac(packed)],
    ['packed anew by another level', gzipSync(text, { level: 1 }), hmac(gzipSync(text, { level: 9 }))],
  ]
  for (const [name, body, mac] of refused) {
    client.send(head(body, ['Content-Encoding: gzip', `X-Hub-Signature-256: sha256=${mac}`]))
    client.send(body)
    const { status, body: said } = await client.response()
    t.match([status, JSON.parse(said.toString())], [401, { reason: 'signature-mismatch' }], name)
  }
  t.equal(receiver.seen.length, cases.length, 'the receiver saw none of these')
})

void t.test('what a scheme reads inside the body is read strictly and within bounds', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, {
    receiver: receiver.port,
    routes: [
      { match: { path: '/linear' }, signature: { preset: 'linear', secrets: ['env:SECRET'] } },
      { match: { path: '/mandrill' }, signature: { preset: 'mandrill', secrets: ['env:SECRET'], publicUrl: 'https://hooks.example.com/in' } },
    ],
  })
  const client = await connect(gateway)
  t.teardown(() => client.close())
  const at = gateway.world.clock.now()
  const linear = (body: string | Uint8Array): [string, Uint8Array, string[]] => {
    const bytes = Buffer.from(body)
    return ['/linear', bytes, [`Linear-Signature: ${hmac(bytes)}`]]
  }
  const mandrill = (body: string, pairs: string): [string, Uint8Array, string[]] => (
    ['/mandrill', Buffer.from(body), [`X-Mandrill-Signature: ${hmac(`https://hooks.example.com/in${pairs}`, 'sha1', 'base64')}`]]
  )
  const many = (count: number): string[] => Array.from({ length: count }, (_, index) => `a${String(index).padStart(4, '0')}`)
  const nested = (depth: number): string => `{"webhookTimestamp":${at},"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`
  const cases: [string, [string, Uint8Array, string[]], number, string?][] = [
    ['a field once', linear(`{"webhookTimestamp":${at}}`), 200],
    ['a key twice that nobody reads', linear(`{"a":1,"a":2,"webhookTimestamp":${at}}`), 200],
    ['the field twice', linear(`{"webhookTimestamp":${at},"webhookTimestamp":${at}}`), 401, 'signature-malformed'],
    ['the field twice, once escaped', linear(`{"webhookTimestamp":${at},"webhook\\u0054imestamp":1}`), 401, 'signature-malformed'],
    ['as deep as is read', linear(nested(deepest)), 200],
    ['deeper', linear(nested(deepest + 1)), 401, 'signature-malformed'],
    ['a mark before JSON', linear(`\ufeff{"webhookTimestamp":${at}}`), 401, 'timestamp-missing'],
    ['packed JSON', linear(gzipSync(`{"webhookTimestamp":${at}}`)), 401, 'timestamp-missing'],
    ['UTF-16', linear(Buffer.from(`{"webhookTimestamp":${at}}`, 'utf16le')), 401, 'timestamp-missing'],
    ['as many fields of a form as are read', mandrill(many(mostPairs).join('&'), many(mostPairs).join('')), 200],
    ['one more', mandrill(many(mostPairs + 1).join('&'), many(mostPairs + 1).join('')), 401, 'signature-malformed'],
    ['an escape that is none', mandrill('a=%zz', 'a%zz'), 401, 'signature-malformed'],
  ]
  for (const [name, [path, body, lines], status, reason] of cases) {
    const before = receiver.seen.length
    client.send(head(body, lines).replace('/hook', path))
    client.send(body)
    const response = await client.response()
    t.equal(response.status, status, `${name}: ${response.body.toString()}`)
    if (reason !== undefined) t.match(JSON.parse(response.body.toString()), { reason }, name)
    t.equal(receiver.seen.length - before, status === 200 ? 1 : 0, `${name}: what the receiver saw`)
  }
})
