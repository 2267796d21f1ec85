import { createHash } from 'node:crypto'
import t from 'tap'
import { Headers } from '../../src/core/headers.ts'
import { withoutSecret } from '../../src/schemes/algorithms/algorithm.ts'
import { newTree } from '../../src/schemes/json.ts'
import { compileMessage } from '../../src/schemes/message.ts'
import { parsePublicUrl } from '../../src/schemes/public-url.ts'
import { Reading } from '../../src/schemes/reading.ts'
import { sourceSchema } from '../../src/schemes/source.ts'
import { mentions, parseTemplate, plainNames } from '../../src/schemes/template-text.ts'

const body = Buffer.from('a=2&b=%C3%BC&a=1&c=x+y')
const json = Buffer.from('{"a":{"b":1.0,"c":"ü"},"d":true}')

/** What a template makes of a delivery; a refusal as its words. */
function made(template: string, given: { readonly body?: Uint8Array; readonly query?: string; readonly url?: string } = {}): string {
  const tokens = parseTemplate(template)
  if ('mistake' in tokens) return tokens.mistake
  const tree = newTree()
  const url = given.url ?? 'https://hooks.example.com/in'
  const build = compileMessage(tokens, { tree, fields: new Map([['late', sourceSchema.parse({ header: 'X-Late' })]]), publicUrl: parsePublicUrl(url) })
  const reading = new Reading({
    method: 'POST', path: '/in/%41', query: given.query, headers: new Headers(['X-One', 'Value', 'X-Two', 'a', 'x-two', 'b', 'X-Late', 'é']),
    body: given.body ?? body, at: 0,
  }, tree)
  reading.timestamp = '0017'
  reading.id = 'msg.1'
  reading.keyId = 'k'
  const message = build(reading)
  if ('verdict' in message) return `${String(message.facts['where'])} ${String(message.facts['why'])}`
  return Buffer.concat(withoutSecret(message)).toString('latin1')
}

const sha256 = (text: string | Uint8Array) => createHash('sha256').update(text)

const cases: [string, string, Parameters<typeof made>[1] | undefined, string][] = [
  ['the body, byte for byte', '{body}', { body: Buffer.from('ff00fe', 'hex') }, 'ÿ\u0000þ'],
  ['time and id as they were sent', '{id}.{timestamp}.{body}', { body: Buffer.from('x') }, 'msg.1.0017.x'],
  ['the body first', '{body}{timestamp}', { body: Buffer.from('x') }, 'x0017'],
  ['a body with what templates of others trip over', 'v0:{body}', { body: Buffer.from('$$ $& {timestamp} %s') }, 'v0:$$ $& {timestamp} %s'],
  ['braces', '{{{method}}}', {}, '{POST}'],
  ['text beyond ASCII', 'ü{method}', {}, 'Ã¼POST'],
  ['a header', '{header:X-One}', {}, 'Value'],
  ['in other letters', '{header:x-oNE|lower}', {}, 'value'],
  ['a repeated header', '{header:x-two}', {}, 'header x-two stands there more than once'],
  ['an absent header', '{header:x-none}', {}, 'header x-none is missing'],
  ['one that may be absent', '[{header?:x-none}]', {}, '[]'],
  ['a named place', '{field:late}', {}, 'é'],
  ['the path, undecoded', '{method} {path}', {}, 'POST /in/%41'],
  ['no query', '{target}?{query}', {}, '/in/%41?'],
  ['a query', '{target}', { query: 'a=%31' }, '/in/%41?a=%31'],
  ['a parameter of the query', '{query:b}', { query: 'a=1&b=%20' }, ' '],
  ['the URL', '{url}', {}, 'https://hooks.example.com/in'],
  ['the URL with a query', '{url} {url-base} {host}', { query: 'a=1' }, 'https://hooks.example.com/in?a=1 https://hooks.example.com/in hooks.example.com'],
  ['any path', '{url}', { url: 'https://h.example:8443/*', query: 'q' }, 'https://h.example:8443/in/%41?q'],
  ['a fixed query', '{url}', { url: 'https://h.example/?t=1', query: 't=1' }, 'https://h.example/?t=1'],
  ['another query', '{url}', { url: 'https://h.example/?t=1', query: 't=2' }, 'query is not the one of the public URL'],
  ['a form field', '{form:b}', {}, 'Ã¼'],
  ['a repeated form field', '{form:a}', {}, 'form field a stands there more than once'],
  ['sorted pairs', '{form-pairs}', {}, 'a1a2bÃ¼cx y'],
  ['a form as PHP has it', '{form-php:s}', { body: Buffer.from('b=x&s=1&a=') }, 'a:2:{s:1:"a";s:0:"";s:1:"b";s:1:"x";}'],
  ['one that PHP would change', '{form-php:s}', {}, 'form is not well formed, or is none that PHP keeps as it is'],
  ['no form', '{form-pairs}', { body: Buffer.from('%') }, 'form is not well formed'],
  ['JSON', '{json:a.b}:{json:a.c}:{json:d}', { body: json }, '1.0:Ã¼:true'],
  ['absent JSON', '{json:a.x}', { body: json }, 'JSON field a.x is missing'],
  ['no JSON', '{json?:a.x}', {}, ''],
  ['a digest', '{body|sha256|hex}', {}, sha256(body).digest('hex')],
  ['a digest of text', '{url|sha256|base64}', {}, sha256('https://hooks.example.com/in').digest('base64')],
  ['upper case leaves other bytes', '{field:late|upper}{method|lower}', {}, 'épost'],
  ['CRC-32', '{body|crc32}', { body: Buffer.from('123456789') }, '3421780262'],
  ['the secret is not shown', '{secret}{method}', {}, 'POST'],
  ['key id', '{key-id}', {}, 'k'],
]
for (const [name, template, given, expected] of cases) t.equal(made(template, given), expected, name)

const mistakes: [string, RegExp][] = [
  ['{body', /not closed/], ['body}', /stands alone/], ['{}', /no placeholder/], ['{bod}', /no placeholder/], ['{body?}', /no placeholder/],
  ['{header}', /no placeholder/], ['{header:}', /no placeholder/], ['{body|md4}', /no filter md4/], ['{__proto__}', /no placeholder/],
]
for (const [template, expected] of mistakes) t.match(made(template), expected, template)

t.test('the body is a part of its own, never a copy', async (t) => {
  const tokens = parseTemplate('{timestamp}.{body}')
  t.notOk('mistake' in tokens)
  const build = compileMessage(tokens as never, { tree: newTree(), fields: new Map(), publicUrl: undefined })
  const reading = new Reading({ method: 'POST', path: '/', query: undefined, headers: new Headers([]), body, at: 0 }, newTree())
  reading.timestamp = '1'
  t.equal((build(reading) as Uint8Array[])[1], body)
})

t.test('what a template covers', async (t) => {
  const covers = (template: string, name: typeof plainNames[number]) => mentions(parseTemplate(template) as never, name)
  t.ok(covers('{body|sha256|hex}', 'body'))
  t.notOk(covers('{body|crc32}', 'body'), 'a checksum covers nothing')
  t.notOk(covers('{timestamp}', 'body'))
})

t.test('public URLs', async (t) => {
  for (const text of ['hooks.example.com/in', 'ftp://h.example/', 'https://', 'https:///in', 'https://h.example/#a', 'https://h.example/a b', '']) {
    t.equal(parsePublicUrl(text), undefined, JSON.stringify(text))
  }
  t.equal(parsePublicUrl('http://user:pass@h.example:81?a')?.host, 'user:pass@h.example:81')
})
