import fc from 'fast-check'
import t from 'tap'
import { bytesOf, decode, encodings, utf8 } from '../../src/schemes/encoding.ts'

const cases: [string, string, typeof encodings[number], string | undefined][] = [
  ['hex', '00ff', 'hex', '00ff'],
  ['hex in upper case', '00FF', 'hex', '00ff'],
  ['nothing', '', 'hex', undefined],
  ['half a byte', '0', 'hex', undefined],
  ['junk behind', '00fg', 'hex', undefined],
  ['a blank', '00 ff', 'hex', undefined],
  ['0x', '0x00', 'hex', undefined],
  ['base64', 'AP8=', 'base64', '00ff'],
  ['no padding', 'AP8', 'base64', undefined],
  ['padding bits', 'AP9=', 'base64', undefined],
  ['too much padding', 'AP8==', 'base64', undefined],
  ['the url alphabet', '-_8=', 'base64', undefined],
  ['a line feed', 'AP8=\n', 'base64', undefined],
  ['base64url', 'AP8', 'base64url', '00ff'],
  ['padded', 'AP8=', 'base64url', undefined],
  ['its padding bits', 'AP9', 'base64url', undefined],
  ['the other alphabet', '+/8', 'base64url', undefined],
  ['beyond latin1, folding into digits', '\u0130\u0130', 'hex', undefined],
  ['beyond latin1', '\u0660\u0661', 'hex', undefined],
  ['a wide letter', 'AP8\u0141', 'base64', undefined],
]
for (const [name, text, encoding, expected] of cases) t.equal(decode(text, encoding)?.toString('hex'), expected, `${encoding}: ${name}`)

t.test('one spelling for each bytes, and back', async () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 1 }), fc.constantFrom(...encodings), (bytes, encoding) => {
    const text = Buffer.from(bytes).toString(encoding)
    return decode(text, encoding)?.equals(bytes) === true
  }))
  const near = fc.string({ unit: fc.constantFrom(...'09afAFQgwz+/-_=') })
  fc.assert(fc.property(fc.oneof(fc.string(), near), fc.constantFrom(...encodings), (text, encoding) => {
    const bytes = decode(text, encoding)
    return bytes === undefined || bytes.toString(encoding) === (encoding === 'hex' ? text.toLowerCase() : text)
  }))
})

t.same(bytesOf(utf8('ü€')), Buffer.from('ü€'), 'text as its UTF-8 bytes')
