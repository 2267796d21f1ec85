import fc from 'fast-check'
import t from 'tap'
import { parseRecorded } from '../../src/explain/recorded.ts'
import { shellWords } from '../../src/explain/shell-words.ts'

const files: Readonly<Record<string, string>> = { 'body.json': '{"a":\r\n1}\n', 'headers.txt': 'X-A: 1\nX-B: two: 2\r\n\n', 'name with blanks': 'a b&c' }
const readFile = (name: string) => {
  const text = files[name]
  if (text === undefined) throw new Error(`no such file: ${name}`)
  return Buffer.from(text)
}
const read = (text: string) => parseRecorded(Buffer.from(text, 'latin1'), readFile)
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
  ['curl --json', 'curl --json \'{"a":1}\' https://h/a', { method: 'POST', body, rawHeaders: ['Host', 'h', 'Content-Type', 'application/json', 'Accept', 'application/json', 'Content-Length', '7'] }],
  ['curl --data-binary @file, byte for byte', 'curl --data-binary @body.json https://h/a', { method: 'POST', body: Buffer.from(files['body.json'] ?? '') }],
  ['curl -d @file, without line ends', 'curl -d @body.json https://h/a', { body }],
  ['curl -d of a text, as it is', 'curl -d $\'a\\nb\' https://h/a', { body: Buffer.from('a\nb') }],
  ['curl --data-raw knows no files', 'curl --data-raw @body.json https://h/a', { body: Buffer.from('@body.json') }],
  ['curl --json @file', 'curl --json @body.json https://h/a', { body: Buffer.from(files['body.json'] ?? '') }],
  ['curl -d twice', 'curl -d a=1 -d b=2 --data-binary c=3 https://h/a', { body: Buffer.from('a=1&b=2&c=3') }],
  ['curl --json twice', 'curl --json \'{"a":\' --json \'1}\' https://h/a', { body }],
  ['curl -H @file', 'curl -H @headers.txt -H "X-C: 3" https://h/a', { rawHeaders: ['Host', 'h', 'X-A', '1', 'X-B', 'two: 2', 'X-C', '3'] }],
  ['curl --url', 'curl -X POST --url https://h.example/a?b=1', { method: 'POST', target: '/a?b=1', rawHeaders: ['Host', 'h.example'] }],
  ['curl -G', 'curl -G -d a=1 --data-urlencode "b=x y" https://h/p', { method: 'GET', target: '/p?a=1&b=x%20y', body: Buffer.alloc(0), rawHeaders: ['Host', 'h'] }],
  ['curl -G behind a query', 'curl -G -d a=1 https://h/p?z=0', { target: '/p?z=0&a=1' }],
  ['curl --data-urlencode', 'curl --data-urlencode "a=1&2" --data-urlencode =x+y --data-urlencode "f@name with blanks" https://h/p', { body: Buffer.from('a=1%262&x%2By&f=a%20b%26c') }],
  ['curl --data-urlencode @file', 'curl --data-urlencode "@name with blanks" https://h/p', { body: Buffer.from('a%20b%26c') }],
  ["curl as browsers copy it, in $'…'", 'curl \'https://h/a\' -H \'content-type: application/json\' --data-raw $\'{"a":"\\u00fc\\\'"}\'', { body: Buffer.from('{"a":"ü\'"}') }],
  ['curl -u', 'curl -u me:word https://h/a', { method: 'GET', rawHeaders: ['Host', 'h', 'Authorization', 'Basic bWU6d29yZA=='], body: Buffer.alloc(0) }],
]
for (const [name, text, expected] of good) t.match(read(text), expected, name)

const bad: [string, string][] = [
  ['nothing', ''], ['no empty line', 'POST / HTTP/1.1\r\nHost: h'], ['no request line', 'hello\r\n\r\n'], ['a header without colon', 'POST / HTTP/1.1\r\nHost\r\n\r\n'],
  ['JSON that is no HAR', '{}'], ['broken JSON', '{'], ['curl without URL', 'curl -H "a: b"'], ['curl with an unknown flag', 'curl --frob https://h/'],
  ['curl with a body in a file that is not there', 'curl -d @other.json https://h/'], ['curl with headers in a file that is not there', 'curl -H @other https://h/'], ['curl with an open quote', 'curl \'https://h/'],
]
for (const [name, text] of bad) t.match(read(text), { unreadable: String }, name)

t.same(shellWords(`a 'b c' "d\\"e" f\\ g $'h\\n\\u00e9' \\\n i''`), ['a', 'b c', 'd"e', 'f g', 'h\n\u00e9', 'i'])

void t.test('never throws', (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom('', 'curl ', '{', 'POST / HTTP/1.1\r\n'), (bytes, start) => {
    parseRecorded(Buffer.concat([Buffer.from(start), bytes]), readFile)
  }))
  t.end()
})
