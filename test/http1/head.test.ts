import fc from 'fast-check'
import t from 'tap'
import { isFieldLine, parseHead, wholeHead } from '../../src/http1/head.ts'

const start = 'POST / HTTP/1.1'

/** `undefined`: not whole yet. */
const rows: [name: string, text: string, expected: readonly string[] | string | undefined][] = [
  ['no lines', `${start}\r\n\r\n`, []],
  ['two lines', `${start}\r\nHost: a\r\nX-A:b\r\n\r\n`, ['Host', 'a', 'X-A', 'b']],
  ['blanks around a value', `${start}\r\nA: \t b c\t \r\n\r\n`, ['A', 'b c']],
  ['no value', `${start}\r\nA:\r\nB: \t\r\n\r\n`, ['A', '', 'B', '']],
  ['colons in a value', `${start}\r\nA:b:c\r\n\r\n`, ['A', 'b:c']],
  ['bytes beyond ASCII in a value', `${start}\r\nA: \u00fc\u0080\r\n\r\n`, ['A', '\u00fc\u0080']],
  ['every mark that a name may have', `${start}\r\n!#$%&'*+-.^_\`|~: x\r\n\r\n`, ['!#$%&\'*+-.^_`|~', 'x']],
  ['what follows is not looked at', `${start}\r\nA: b\r\n\r\n\0\n`, ['A', 'b']],
  ['nothing', '', undefined],
  ['no end of the first line', start, undefined], ['its CR', `${start}\r`, undefined], ['its end', `${start}\r\n`, undefined],
  ['part of a name', `${start}\r\nHo`, undefined], ['part of a value', `${start}\r\nHost: a`, undefined], ['a CR behind it', `${start}\r\nHost: a\r`, undefined],
  ['the last CR', `${start}\r\nHost: a\r\n\r`, undefined],
  ['bare LF behind the first line', `${start}\nA: b\r\n\r\n`, 'line-ending'], ['nothing but LF', '\n', 'line-ending'],
  ['bare LF behind a line', `${start}\r\nA: b\n\r\n`, 'line-ending'], ['bare LF at the end', `${start}\r\nA: b\r\n\n`, 'line-ending'],
  ['bare CR at the end', `${start}\r\n\rA: b\r\n\r\n`, 'line-ending'],
  ['a blank before the colon', `${start}\r\nA : b\r\n\r\n`, 'field-name'], ['a tab before it', `${start}\r\nA\t: b\r\n\r\n`, 'field-name'],
  ['folded', `${start}\r\nA: b\r\n c\r\n\r\n`, 'field-name'], ['folded by a tab', `${start}\r\nA: b\r\n\tc: d\r\n\r\n`, 'field-name'],
  ['folded at once', `${start}\r\n A: b\r\n\r\n`, 'field-name'], ['no name', `${start}\r\n: b\r\n\r\n`, 'field-name'],
  ['no colon', `${start}\r\nA\r\n\r\n`, 'field-name'], ['a byte beyond ASCII in a name', `${start}\r\nA\u00fc: b\r\n\r\n`, 'field-name'],
  ['NUL in a name', `${start}\r\nA\0: b\r\n\r\n`, 'field-name'], ['NUL in a value', `${start}\r\nA: b\0\r\n\r\n`, 'field-value'],
  ['DEL in a value', `${start}\r\nA: b\u007f\r\n\r\n`, 'field-value'], ['bare CR in a value', `${start}\r\nA: b\rc\r\n\r\n`, 'field-value'],
  ['two CR', `${start}\r\nA: b\r\r\n\r\n`, 'field-value'],
]
for (const [name, text, expected] of rows) {
  t.test(name, async (t) => {
    const head = parseHead(text)
    t.strictSame(typeof head === 'object' ? head.fields : head, expected)
    if (typeof head === 'object') t.equal(head.start, start)
  })
}

t.test('only the separators of RFC 9110 §5.6.2 and what is not visible ASCII keep a byte out of a name', async (t) => {
  for (let code = 0; code < 256; code++) {
    const character = String.fromCharCode(code)
    const allowed = code > 0x20 && code < 0x7f && !'()<>@,;:\\"/[]?={}'.includes(character)
    t.equal(typeof parseHead(`${start}\r\nA${character}B: x\r\n\r\n`) === 'object', allowed || character === ':', JSON.stringify(character))
    t.equal(isFieldLine(`A${character}B`, 'x'), allowed, JSON.stringify(character))
  }
})

t.test('in whatever pieces it comes: undefined until it is whole, then the same', async (t) => {
  const text = `${start}\r\nHost: a\r\nX-A: \u00fc \r\n\r\n`
  for (let length = 0; length < text.length; length++) t.equal(parseHead(text.slice(0, length)), undefined, String(length))
  t.strictSame(parseHead(text), { start, fields: ['Host', 'a', 'X-A', '\u00fc'] })
})

t.test('what may be written is what is read', async (t) => {
  const [anyName, anyValue] = [fc.constantFrom(...'!#9Az~-_', ' ', ':', '\u00fc'), fc.constantFrom('a', ':', ' ', '\t', '\u0080', '\u00ff', '\r')]
    .map((unit) => fc.oneof(fc.string({ unit, maxLength: 8 }), fc.string({ unit: 'binary' }))) as [fc.Arbitrary<string>, fc.Arbitrary<string>]
  let written = 0
  fc.assert(fc.property(anyName, anyValue, (name, value) => {
    if (!isFieldLine(name, value)) return true
    written++
    const head = parseHead(`${start}\r\n${name}: ${value}\r\n\r\n`)
    return typeof head === 'object' && head.fields.length === 2 && head.fields[0] === name && head.fields[1] === value.replace(/^[\t ]+|[\t ]+$/g, '')
  }), { numRuns: 1_000 })
  t.ok(written > 10, `${written} may be written`)
  for (const value of ['a\r\nb', 'a\n', '\r', '\0', '\u0100', 'a\u2028']) t.notOk(isFieldLine('A', value), escape(value))
  for (const name of ['', 'A B', 'A:', 'A\r\n', '\u0130']) t.notOk(isFieldLine(name, 'x'), escape(name))
})

t.test('a long value is judged by all of it, whichever was judged before', async (t) => {
  const long = 'a'.repeat(1_000)
  const changed = (at: number, character: string) => long.slice(0, at) + character + long.slice(at + 1)
  t.ok(isFieldLine('A', long))
  t.ok(isFieldLine('A', long))
  for (const at of [0, 500, 999]) for (const character of ['\r', '\n', '\0', '\u0100']) {
    t.notOk(isFieldLine('A', changed(at, character)), `${escape(character)} at ${at}`)
    t.notOk(isFieldLine('A', changed(at, character)), 'and again')
  }
  t.notOk(isFieldLine('A:', long), 'the name, too')
})

t.test('a head longer than most, and one whose end lies where the first look ends', async (t) => {
  for (let length = 2_000; length < 2_100; length++) {
    const text = `${start}\r\nX-A: ${'a'.repeat(length - start.length - '\r\nX-A: \r\n\r\n'.length)}\r\n\r\n`
    const bytes = Buffer.from(text, 'latin1')
    t.equal(wholeHead(bytes)?.length, length)
    t.equal(wholeHead(Buffer.concat([bytes, Buffer.from('body\r\n\r\n')]))?.length, length)
    t.equal(wholeHead(bytes.subarray(0, -1)), undefined)
  }
})
