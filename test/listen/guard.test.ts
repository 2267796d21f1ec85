import fc from 'fast-check'
import t from 'tap'
import { contested, inspect as inspectHead, type RawHead } from '../../src/listen/guard.ts'
import { Headers } from '../../src/core/headers.ts'

const host = ['Host', 'hooks.example.com']

const most = 16 * 1024
const inspect = (request: RawHead) => inspectHead(request, most)

function head(change: Partial<RawHead>): RawHead {
  return { method: 'POST', target: '/hook', version: '1.1', rawHeaders: host, ...change }
}

function withLines(...lines: string[]): Partial<RawHead> {
  return { rawHeaders: [...host, ...lines] }
}

/** What was wrong and whether the framing still stands, or `sound`. */
function judged(change: Partial<RawHead>): string {
  const found = inspect(head(change))
  return found.sound ? 'sound' : `${found.facts.what} ${found.framing}`
}

const rows: [string, Partial<RawHead>, string][] = [
  ['plain', {}, 'sound'],
  ['1.0', { version: '1.0' }, 'sound'],
  ['0.9', { version: '0.9' }, 'version lost'],
  ['2.0', { version: '2.0' }, 'version lost'],
  ['1.2', { version: '1.2' }, 'version lost'],
  ['CONNECT', { method: 'CONNECT', target: 'a:443' }, 'method lost'],
  ['TRACE', { method: 'TRACE' }, 'method lost'],
  ['asterisk form', { method: 'OPTIONS', target: '*' }, 'target-form sound'],
  ['authority form', { target: 'hooks.example.com:443' }, 'target-form sound'],
  ['no host', { rawHeaders: [] }, 'host-missing sound'],
  ['no host in 1.0', { rawHeaders: [], version: '1.0' }, 'host-missing sound'],
  ['two hosts', { rawHeaders: [...host, ...host] }, 'header-repeated lost'],
  ['two hosts, spelled apart', { rawHeaders: [...host, 'HOST', 'evil.example'] }, 'header-repeated lost'],
  ['host with port', { rawHeaders: ['Host', 'a:8443'] }, 'sound'],
  ['host in upper case with a dot', { rawHeaders: ['hOST', 'A.'] }, 'sound'],
  ['empty host', { rawHeaders: ['Host', ''] }, 'host sound'],
  ['host with user', { rawHeaders: ['Host', 'a@b'] }, 'host sound'],
  ['host with path', { rawHeaders: ['Host', 'a/b'] }, 'host sound'],
  ['host with bad port', { rawHeaders: ['Host', 'a:99999'] }, 'host sound'],
  ['host with a list', { rawHeaders: ['Host', 'a, b'] }, 'host sound'],
  ['host with bad IPv6', { rawHeaders: ['Host', '[::1'] }, 'host sound'],
  ['absolute form', { target: 'https://hooks.example.com/hook' }, 'sound'],
  ['absolute form, usual port', { target: 'HTTPS://Hooks.example.com:443/hook' }, 'sound'],
  ['absolute form, other host', { target: 'https://evil.example/hook' }, 'target-authority sound'],
  ['absolute form, other port', { target: 'https://hooks.example.com:8443/hook' }, 'target-authority sound'],
  ['absolute form, http means another port', { target: 'http://hooks.example.com/hook', rawHeaders: ['Host', 'hooks.example.com:443'] },
    'target-authority sound'],
  ['absolute form with user', { target: 'https://a@hooks.example.com/hook' }, 'target-form sound'],
  ['absolute form, other scheme', { target: 'ftp://hooks.example.com/hook' }, 'target-form sound'],
  ['absolute form without path', { target: 'https://hooks.example.com' }, 'sound'],
  ['absolute form, dots', { target: 'https://hooks.example.com/a/../b' }, 'target-dots sound'],
  ['absolute form, double slash', { target: 'https://hooks.example.com//b' }, 'target-empty-segment sound'],
  ['chunked', withLines('Transfer-Encoding', 'chunked'), 'sound'],
  ['Chunked', withLines('transfer-encoding', 'Chunked'), 'sound'],
  ['chunked in 1.0', { ...withLines('Transfer-Encoding', 'chunked'), version: '1.0' }, 'transfer-encoding-in-1.0 lost'],
  ...['', ',', ' , ', 'chunked, chunked', 'gzip, chunked', 'chunked,', ',chunked', 'identity', 'xchunked', 'chunked;q=1', '"chunked"',
    'chunked\x0b', 'chunked, identity'].map((value): [string, Partial<RawHead>, string] =>
    [`transfer-encoding ${JSON.stringify(value)}`, withLines('Transfer-Encoding', value), 'transfer-encoding lost']),
  ['two transfer-encodings', withLines('Transfer-Encoding', 'chunked', 'transfer-encoding', 'chunked'), 'header-repeated lost'],
  ['both framings', withLines('Transfer-Encoding', 'chunked', 'Content-Length', '3'), 'two-framings lost'],
  ['two lengths', withLines('Content-Length', '3', 'content-length', '3'), 'header-repeated lost'],
  ...['', '+1', '-1', '0x10', '1,1', '1 1', '1_0', '٣', '9999999999999999', '1.0'].map((value): [string, Partial<RawHead>, string] =>
    [`content-length ${JSON.stringify(value)}`, withLines('Content-Length', value), 'content-length lost']),
  ['GET', { method: 'GET' }, 'sound'],
  ['GET of no bytes', { ...withLines('Content-Length', '0'), method: 'GET' }, 'sound'],
  ['GET with a body', { ...withLines('Content-Length', '1'), method: 'GET' }, 'body-not-expected lost'],
  ['HEAD with a body', { ...withLines('Content-Length', '1'), method: 'HEAD' }, 'body-not-expected lost'],
  ['GET in chunks', { ...withLines('Transfer-Encoding', 'chunked'), method: 'GET' }, 'body-not-expected lost'],
  ['DELETE with a body', { ...withLines('Content-Length', '1'), method: 'DELETE' }, 'sound'],
  ['expect', withLines('Expect', '100-Continue'), 'sound'],
  ['expect more', withLines('Expect', '100-continue, x'), 'expect sound'],
  ['expect else', withLines('Expect', '200-ok'), 'expect sound'],
  ['expect twice', withLines('Expect', '100-continue', 'expect', '100-continue'), 'header-repeated sound'],
  ['two types', withLines('Content-Type', 'a/b', 'content-type', 'a/b'), 'header-repeated sound'],
  ['two encodings', withLines('Content-Encoding', 'gzip', 'Content-encoding', 'br'), 'header-repeated sound'],
  ['two authorizations', withLines('Authorization', 'Basic x', 'AUTHORIZATION', 'Basic y'), 'header-repeated sound'],
  ['two of another', withLines('X-A', '1', 'X-A', '2'), 'sound'],
  ['connection', withLines('Connection', 'close'), 'sound'],
  ['connection with an option', withLines('Connection', 'Keep-Alive, X-A'), 'sound'],
  ['connection names host', withLines('Connection', 'keep-alive, HOST'), 'connection-names-deciding lost'],
  ['connection names the framing', withLines('Connection', 'close,Content-Length'), 'connection-names-deciding lost'],
  ['second connection names', withLines('Connection', 'close', 'Connection', 'x ,\ttransfer-encoding'), 'connection-names-deciding lost'],
  ['connection names forwarded-for', withLines('Connection', 'x-forwarded-for'), 'connection-names-deciding lost'],
  ['as large as allowed', withLines('X', 'x'.repeat(most - 'Host: hooks.example.com\r\n'.length - 5)), 'sound'],
  ['larger than allowed', withLines('X', 'x'.repeat(most - 'Host: hooks.example.com\r\n'.length - 4)), 'header-size lost'],
  ['more lines than allowed', withLines(...Array.from({ length: 8_000 }, () => ['X_', '']).flat()), 'header-size lost'],
  ['prototype names', withLines('__proto__', '1', 'constructor', '2', 'toString', '3'), 'sound'],
]
for (const [name, change, expected] of rows) t.equal(judged(change), expected, name)

const targets: [string, string][] = [
  ['/', 'sound'], ['/a', 'sound'], ['/a/', 'sound'], ['/a/b.c', 'sound'], ['/.well-known/x', 'sound'], ['/a/...', 'sound'], ['/a/.b', 'sound'],
  ['/a/b..', 'sound'], ['/a?b', 'sound'], ['/a?', 'sound'], ['/?/../', 'sound'], ['/a?u=https%3A%2F%2Fx%2e', 'sound'], ['/a?//', 'sound'],
  ['/a%20b', 'sound'], ['/b%C3%BCcher', 'sound'], ['/a%41', 'sound'], ["/a!$&'()*+,=:@-_~", 'sound'], ['/a|b"<>^`{}', 'sound'],
  ['', 'target-form sound'], ['a', 'target-form sound'], ['?a', 'target-form sound'],
  ...['/.', '/..', '/a/.', '/a/..', '/a/./b', '/a/../b', '/../a', '/./a', '/a/..?b', '/a/.?'].map((x): [string, string] => [x, 'target-dots sound']),
  ...['//', '//a', '//evil.example/a', '/a//b', '/a//', '///'].map((x): [string, string] => [x, 'target-empty-segment sound']),
  ...['%2e', '%2E', '%2f', '%2F', '%5c', '%5C', '%00', '%0a', '%0D', '%1f', '%7f', '%25', '%252e', '%3b', '%3F', '%23', '%', '%2', '%g0',
    '%0g', '%%41', '%u002e', '%c0%ae', '%C0%AF', '%e0%80%ae', '%ff', '%ed%a0%80', '%c3', '%+1'].map((x): [string, string] =>
    [`/a${x}`, 'target-escape sound']),
  ...['/a?%', '/a?%zz', '/a?x=%0', '/a?%00'].map((x): [string, string] => [x, 'target-escape sound']),
  ...['/a\\b', '/a/..\\b', '/a;b', '/a/..;/b', '/;a', '/a#b', '/a?b#c', '/a?b;c', '/a?b\\c', '/a b', '/a\tb', '/a\u0000', '/a\u007f', '/bü',
    '/a?ü', '/a\u0001', '/a\r', '/a\n'].map((x): [string, string] => [x, 'target-bytes sound']),
]
for (const [target, expected] of targets) t.equal(judged({ target }), expected, `target ${JSON.stringify(target)}`)

t.test('what is sound is told apart, byte for byte', async (t) => {
  const found = inspect(head({ target: '/a%20B/?q=1&r=?', rawHeaders: ['HOST', 'Hooks.Example.Com.:8443', 'X_Real_IP', '1', 'X-A', '2', '__proto__', '3'] }))
  t.match(found, { sound: true, host: 'hooks.example.com', path: '/a%20B/', query: 'q=1&r=?', dropped: ['X_Real_IP', '__proto__'] })
  t.strictSame(found.sound && found.headers.raw, ['HOST', 'Hooks.Example.Com.:8443', 'X-A', '2'])
  t.match(inspect(head({ target: 'https://hooks.example.com?x' })), { sound: true, path: '/', query: 'x' })
  t.match(inspect(head({ target: 'https://hooks.example.com/a?' })), { sound: true, path: '/a', query: '' })
  t.match(inspect(head({ rawHeaders: ['Host', '[2001:DB8::1]:8443'] })), { sound: true, host: '[2001:db8::1]', query: undefined })
})

t.test('an underscore hides a line from every rule', async (t) => {
  t.equal(judged(withLines('Content_Length', '3', 'content_length', '4', 'Transfer_Encoding', 'x')), 'sound')
})

const reads = new Set(['x-signature', 'webhook-id'])
const decisions: [string, string[], string | undefined][] = [
  ['nothing', ['X-Other', '1', 'X-Other', '2'], undefined],
  ['once', ['X-Signature', '1', 'Webhook-Id', '2', 'Connection', 'close'], undefined],
  ['repeated', ['X-Signature', '1', 'Webhook-Id', '2', 'x-signature', '1'], 'header-repeated'],
  ['named', ['X-Signature', '1', 'Connection', 'close, X-Signature'], 'connection-names-deciding'],
  ['named in a second line', ['Connection', 'close', 'CONNECTION', 'webhook-id'], 'connection-names-deciding'],
  ['not ASCII', ['X-Signature', 'a\u00fc'], 'header-bytes'],
  ['control byte', ['X-Signature', 'a\u0001'], 'header-bytes'],
  ['tab', ['X-Signature', 'a\tb'], undefined],
]
for (const [name, raw, what] of decisions) t.equal(contested(new Headers(raw), reads)?.facts.what, what, `deciding headers: ${name}`)

t.test('never throws, and a sound path is one that everybody reads alike', async (t) => {
  const pieces = fc.array(fc.constantFrom('/', '.', '..', '%2e', '%2F', '%41', '?', '#', ';', '\\', 'a', 'https://', 'hooks.example.com', '@', '%', ' '),
    { maxLength: 8 }).map((all) => all.join(''))
  const line = fc.tuple(fc.constantFrom('Host', 'content-length', 'Transfer-Encoding', 'connection', 'X_A', '__proto__'),
    fc.constantFrom('', '3', 'chunked', 'hooks.example.com', 'close', 'host'))
  const target = fc.oneof(pieces.map((all) => `/${all}`), pieces, fc.string())
  const lines = fc.oneof(fc.constant([]), fc.array(line, { maxLength: 4 }))
  let sound = 0
  fc.assert(fc.property(target, lines, fc.constantFrom(host, []), (target, lines, first) => {
    const found = inspect(head({ target, rawHeaders: [...first, ...lines.flat()] }))
    if (!found.sound) return
    sound++
    if (/["<>^`{|}]/.test(found.path)) return
    const url = new URL(`https://x${found.path}`)
    if (url.pathname !== found.path || url.hash !== '') throw new Error(`another reading: ${found.path} as ${url.pathname}`)
  }), { numRuns: 5000 })
  t.ok(sound > 50, `${sound} were sound`)
})
