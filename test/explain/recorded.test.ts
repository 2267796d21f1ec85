import fc from 'fast-check'
import t from 'tap'
import { parseRecorded } from '../../src/explain/recorded.ts'
import { shellWords } from '../../src/explain/shell-words.ts'

const read = (text: string) => parseRecorded(Buffer.from(text, 'latin1'))
const body = Buffer.from('{"a":1}')

const good: [string, string, Record<string, unknown>][] = [
  ['raw', 'POST /a?b=1 HTTP/1.1\r\nHost: h\r\nX-A:  1 \r\n\r\n{"a":1}', { method: 'POST', target: '/a?b=1', version: '1.1', rawHeaders: ['Host', 'h', 'X-A', '1'], body }],
  ['raw with LF', 'POST /a HTTP/1.0\nHost: h\n\n{"a":1}', { version: '1.0', rawHeaders: ['Host', 'h'], body }],
  ['raw, chunked', 'POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\n{"a\r\n4\r\n":1}\r\n0\r\n\r\n', { body, notes: [] }],
  ['raw, more than announced', 'POST /a HTTP/1.1\r\nContent-Length: 7\r\n\r\n{"a":1}\n', { body, notes: ['Content-Length says 7 bytes, the recording holds 8: what is too much was left out'] }],
  ['raw, less than announced', 'POST /a HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"a":1}', { body, notes: ['Content-Length says 9 bytes, the recording holds 7: the recording is not whole'] }],
  ['HAR', JSON.stringify({ log: { entries: [{ request: { method: 'POST', url: 'https://h.example/a?b=1', headers: [{ name: ':authority', value: 'h' }, { name: 'X-A', value: '1' }], postData: { text: '{"a":1}' } } }] } }),
    { method: 'POST', target: '/a?b=1', rawHeaders: ['Host', 'h.example', 'X-A', '1'], body }],
  ['curl', 'curl -sS -X PUT -H "X-A: 1" --data-raw \'{"a":1}\' \\\n  https://h.example:8443/a', {
    method: 'PUT', target: '/a', body,
    rawHeaders: ['Host', 'h.example:8443', 'Content-Type', 'application/x-www-form-urlencoded', 'Content-Length', '7', 'X-A', '1'],
  }],
  ['curl --json', 'curl --json \'{"a":1}\' https://h/a', { method: 'POST', body, rawHeaders: ['Host', 'h', 'Content-Type', 'application/json', 'Content-Length', '7'] }],
  ['curl -u', 'curl -u me:word https://h/a', { method: 'GET', rawHeaders: ['Host', 'h', 'Authorization', 'Basic bWU6d29yZA=='], body: Buffer.alloc(0) }],
]
for (const [name, text, expected] of good) t.match(read(text), expected, name)

const bad: [string, string][] = [
  ['nothing', ''], ['no empty line', 'POST / HTTP/1.1\r\nHost: h'], ['no request line', 'hello\r\n\r\n'], ['a header without colon', 'POST / HTTP/1.1\r\nHost\r\n\r\n'],
  ['JSON that is no HAR', '{}'], ['broken JSON', '{'], ['curl without URL', 'curl -H "a: b"'], ['curl with an unknown flag', 'curl --frob https://h/'],
  ['curl with a body in a file', 'curl -d @body.json https://h/'], ['curl with an open quote', 'curl \'https://h/'],
]
for (const [name, text] of bad) t.match(read(text), { unreadable: String }, name)

t.same(shellWords(`a 'b c' "d\\"e" f\\ g $'h\\n\\u00e9' \\\n i''`), ['a', 'b c', 'd"e', 'f g', 'h\n\u00e9', 'i'])

void t.test('never throws', (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom('', 'curl ', '{', 'POST / HTTP/1.1\r\n'), (bytes, start) => {
    parseRecorded(Buffer.concat([Buffer.from(start), bytes]))
  }))
  t.end()
})
