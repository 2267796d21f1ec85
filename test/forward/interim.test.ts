import fc from 'fast-check'
import t from 'tap'
import { InterimFilter } from '../../src/forward/interim.ts'

/** All that is left of these chunks for the parser. */
function left(chunks: readonly string[], filter = new InterimFilter()): string {
  filter.begins()
  return chunks.map((chunk) => filter.take(Buffer.from(chunk, 'latin1'))?.toString('latin1') ?? '').join('')
}

const final = 'HTTP/1.1 200 OK\r\n\r\n'
const rows: [string, string, string][] = [
  ['nothing to drop', final, final],
  ['100', `HTTP/1.1 100 Continue\r\n\r\n${final}`, final],
  ['without a phrase', `HTTP/1.1 100\r\n\r\n${final}`, final],
  ['102 and 103', `HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${final}`, final],
  ['101 is for the parser', 'HTTP/1.1 101 Switching Protocols\r\n\r\n', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
  ['1000 is no status', 'HTTP/1.1 1000 What\r\n\r\n', 'HTTP/1.1 1000 What\r\n\r\n'],
  ['1x0 is no status', 'HTTP/1.1 1x0 What\r\n\r\n', 'HTTP/1.1 1x0 What\r\n\r\n'],
  ['only in front', `${final}HTTP/1.1 100 Continue\r\n\r\n`, `${final}HTTP/1.1 100 Continue\r\n\r\n`],
  ['16', `${'HTTP/1.1 100 C\r\n\r\n'.repeat(16)}${final}`, final],
  ['17', `${'HTTP/1.1 100 C\r\n\r\n'.repeat(17)}${final}`, `HTTP/1.1 100 C\r\n\r\n${final}`],
  ['too long', `HTTP/1.1 100 C\r\nX: ${'x'.repeat(16_400)}\r\n\r\n${final}`, `HTTP/1.1 100 C\r\nX: ${'x'.repeat(16_400)}\r\n\r\n${final}`],
]
for (const [name, bytes, expected] of rows) {
  t.equal(left([bytes]), expected, name)
  t.equal(left([...bytes]), expected, `${name}, byte by byte`)
}

t.test('where no answer begins nothing is looked at', (t) => {
  const filter = new InterimFilter()
  t.equal(filter.take(Buffer.from('HTTP/1.1 100 C\r\n\r\n'))?.toString(), 'HTTP/1.1 100 C\r\n\r\n')
  t.equal(filter.take(null), null)
  t.end()
})

t.test('however the bytes are cut, the parser gets the same', (t) => {
  const piece = fc.constantFrom('HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 103 X\r\nA: b\r\n\r\n', 'HTTP/1.1 1', final, 'junk', '\r\n\r\n')
  fc.assert(fc.property(fc.array(piece, { maxLength: 8 }), fc.array(fc.nat(60), { maxLength: 12 }), (pieces, cuts) => {
    const bytes = pieces.join('')
    const places = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length]
    const chunks = places.slice(1).map((end, at) => bytes.slice(places[at], end)).filter((chunk) => chunk !== '')
    return left(chunks) === left(bytes === '' ? [] : [bytes])
  }))
  t.end()
})
