import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { Headers } from '../../src/core/headers.ts'
import { mostPairs } from '../../src/schemes/form.ts'
import { boundaryOf, parseMultipart } from '../../src/schemes/multipart.ts'
import { compiled, judge, preset, written } from '../support/vectors.ts'
import { workOf } from '../support/work.ts'

const types: [string, ReturnType<typeof boundaryOf>][] = [
  ['application/x-www-form-urlencoded', 'other'], ['multipart/mixed; boundary=x', 'other'], ['', 'other'],
  ['multipart/form-data; boundary=x', { boundary: 'x' }], ['Multipart/Form-Data;BOUNDARY="a b"', undefined], ['multipart/form-data; boundary="a:b"', { boundary: 'a:b' }],
  ['multipart/form-data; charset=utf-8; boundary=----WebKit7', { boundary: '----WebKit7' }],
  ['multipart/form-data', undefined], ['multipart/form-data; boundary=', undefined], ['multipart/form-data; boundary=x; boundary=y', undefined],
  ['multipart/form-data; boundary=x; Boundary="x"', undefined], [`multipart/form-data; boundary=${'x'.repeat(71)}`, undefined], ['multipart/form-data; boundary="x', undefined],
  ['multipart/form-data; boundary*=x', undefined], ['multipart/form-data; boundary=x\u0000', undefined],
]
for (const [text, expected] of types) t.same(boundaryOf(text), expected, JSON.stringify(text))

const part = (head: string, value: string) => `--b\r\n${head}\r\n\r\n${value}\r\n`
const field = (name: string, value: string) => part(`Content-Disposition: form-data; name="${name}"`, value)
const whole = (...parts: string[]) => `${parts.join('')}--b--\r\n`
const bodies: [string, string, readonly (readonly [string, string])[] | undefined][] = [
  ['two fields', whole(field('a', '1'), field('c', 'x=y&z')), [['a', '1'], ['c', 'x=y&z']]],
  ['without its last line end', whole(field('a', '1')).slice(0, -2), [['a', '1']]],
  ['a value of several lines, one of which looks like a boundary', whole(field('a', 'x\r\n--c\r\n-b\r\n')), [['a', 'x\r\n--c\r\n-b\r\n']]],
  ['an empty value', whole(field('a', '')), [['a', '']]],
  ['a type beside', whole(part('content-disposition: form-data; name="a"\r\nContent-Type: application/json', '{}')), [['a', '{}']]],
  ['a file', whole(field('a', '1'), part('Content-Disposition: form-data; name="f"; filename="x.txt"', 'a')), [['a', '1']]],
  ['a field twice: both, and the scheme refuses them', whole(field('a', '1'), field('a', '2')), [['a', '1'], ['a', '2']]],
  ['a field and a file of one name', whole(field('a', '1'), part('Content-Disposition: form-data; name="a"; filename="x"', '2')), undefined],
  ['a preamble', `x\r\n${whole(field('a', '1'))}`, undefined], ['an epilogue', `${whole(field('a', '1'))}x`, undefined],
  ['a second whole behind', whole(field('a', '1')) + whole(field('a', '2')), undefined],
  ['bare line feeds', whole(field('a', '1')).replaceAll('\r\n', '\n'), undefined], ['no end', field('a', '1'), undefined],
  ['blanks behind a boundary', whole(field('a', '1')).replace('--b\r\n', '--b \r\n'), undefined],
  ['a boundary that goes on', whole(field('a', '1')).replace('\r\n--b--', '\r\n--bb--'), undefined],
  ['no disposition', whole(part('Content-Type: text/plain', '1')), undefined],
  ['two dispositions', whole(part('Content-Disposition: form-data; name="a"\r\nContent-Disposition: form-data; name="c"', '1')), undefined],
  ['two names', whole(part('Content-Disposition: form-data; name="a"; name="c"', '1')), undefined],
  ['an extended name', whole(part("Content-Disposition: form-data; name*=UTF-8''a", '1')), undefined],
  ['no name', whole(part('Content-Disposition: form-data; name=""', '1')), undefined],
  ['an escape in a name', whole(part('Content-Disposition: form-data; name="a\\"b"', '1')), undefined],
  ['a name without quotes', whole(part('Content-Disposition: form-data; name=a', '1')), undefined],
  ['another disposition', whole(part('Content-Disposition: attachment; name="a"', '1')), undefined],
  ['a transfer encoding', whole(part('Content-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64', 'MQ==')), undefined],
  ['a folded header', whole(part('Content-Disposition: form-data;\r\n name="a"', '1')), undefined],
  ['a blank before the colon', whole(part('Content-Disposition : form-data; name="a"', '1')), undefined],
  ['a head without end', whole(part(`Content-Disposition: form-data; name="a"\r\nX-A: ${'x'.repeat(1024)}`, '1')), undefined],
  ['nothing', '', undefined], ['an end alone', '--b--', undefined],
  ['as many fields as there may be', whole(...Array.from({ length: mostPairs }, () => field('a', ''))), Array.from({ length: mostPairs }, () => ['a', ''] as const)],
  ['one more', whole(...Array.from({ length: mostPairs + 1 }, () => field('a', ''))), undefined],
]
for (const [name, body, expected] of bodies) t.same(parseMultipart(body, 'b'), expected, name)

t.test('what is written is read, and junk throws nothing', async () => {
  const value = fc.string({ unit: 'binary' }).map((one) => Buffer.from(one).toString('latin1')).filter((one) => !`${one}\r\n`.includes('\r\n--b'))
  fc.assert(fc.property(fc.array(fc.tuple(fc.stringMatching(/^[a-z]{1,5}$/), value), { minLength: 1 }), (pairs) => {
    const read = parseMultipart(whole(...pairs.map(([name, one]) => field(name, one))), 'b')
    return JSON.stringify(read) === JSON.stringify(pairs)
  }))
  const pieces = fc.array(fc.constantFrom('--b', '\r\n', '--', 'Content-Disposition: form-data; name="a"', ';', '"', 'x', '\n')).map((all) => all.join(''))
  fc.assert(fc.property(pieces, (text) => parseMultipart(text, 'b') !== null && boundaryOf(text) !== null))
})

t.test('linear', async (t) => {
  for (const piece of ['\r\n--', '\r\n--c', '\r\n', '-', field('a', ''), '--b\r\n', ' ', ':', '"']) {
    const work = (times: number) => workOf(() => parseMultipart(`${field('a', '1')}${piece.repeat(times)}`, 'b'))
    t.ok(work(800) <= work(400) * 2.2 + 200, JSON.stringify(piece))
  }
})

t.test('a proof in a part of a form', async (t) => {
  const secret = 'sixteen bytes and more of secret'
  const at = 1_767_225_600_000
  const time = String(at / 1000)
  const mac = (text: string) => createHmac('sha256', secret).update(text).digest('hex')
  const schemeOf = (name: string) => {
    const { scheme, problems } = compiled(preset(name), { secrets: written([secret]) })
    if (scheme === undefined) throw new Error(JSON.stringify(problems))
    return scheme
  }
  const say = (name: string, body: string, type: readonly string[] = ['Content-Type', 'multipart/form-data; boundary=b']) => (
    judge(schemeOf(name), { method: 'POST', path: '/in', query: undefined, headers: new Headers(type), body: Buffer.from(body, 'latin1'), at })
  )
  const signed = [field('timestamp', time), field('token', 't-1'), field('signature', mac(`${time}t-1`))]
  const file = part('Content-Disposition: form-data; name="attachment-1"; filename="x.bin"\r\nContent-Type: application/octet-stream', '\u0000\u00ff--b')
  t.equal(await say('mailgun-form', whole(...signed, file)), 'signed')
  t.equal(await say('mailgun-form', `timestamp=${time}&token=t-1&signature=${mac(`${time}t-1`)}`, []), 'signed', 'and in an ordinary form')
  t.equal(await say('mailgun-form', whole(...signed.with(1, field('token', 't-2')))), 'signature-mismatch')
  t.equal(await say('mailgun-form', whole(...signed.with(0, field('timestamp', '1767225601')))), 'signature-mismatch')
  for (const name of ['timestamp', 'token', 'signature']) t.equal(await say('mailgun-form', whole(...signed, field(name, 'x'))), 'signature-malformed', `${name} twice`)
  t.equal(await say('mailgun-form', whole(...signed.slice(0, 2))), 'signature-missing')
  t.equal(await say('mailgun-form', whole(...signed), ['Content-Type', 'multipart/form-data; boundary=c']), 'signature-malformed', 'another boundary')
  t.equal(await say('mailgun-form', whole(...signed), ['Content-Type', 'multipart/form-data; boundary=b', 'Content-Type', 'text/plain']), 'signature-malformed', 'two types')
  t.equal(await say('mailgun-form', whole(...signed), []), 'signature-missing', 'no type')
  const event = (hash: string) => JSON.stringify({ event: { event_time: time, event_type: 'signature_request_signed', event_hash: hash } })
  t.equal(await say('dropbox-sign', whole(field('json', event(mac(`${time}signature_request_signed`))))), 'signed', 'as Dropbox Sign sends it')
  t.equal(await say('dropbox-sign', whole(field('json', event(mac(`${time}signature_request_declined`))))), 'signature-mismatch')
})
