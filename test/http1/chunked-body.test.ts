import fc from 'fast-check'
import t from 'tap'
import { ChunkedBody } from '../../src/http1/chunked-body.ts'

interface Read { readonly body: string; readonly taken: number; readonly state: 'over' | 'open' | 'fault' }

/** Reads in the pieces that the cuts make. */
function read(text: string, cuts: readonly number[] = []): Read {
  const body = new ChunkedBody(64)
  const bytes = Buffer.from(text, 'latin1')
  let [found, taken] = ['', 0]
  let from = 0
  for (const cut of [...cuts, bytes.length]) {
    const took = body.take(bytes.subarray(from, cut), (part) => { found += part.toString('latin1') })
    if (took === 'fault') return { body: found, taken, state: 'fault' }
    taken += took
    from = cut
  }
  return { body: found, taken, state: body.isOver ? 'over' : 'open' }
}

const good: [text: string, body: string][] = [
  ['0\r\n\r\n', ''], ['5\r\nabcde\r\n0\r\n\r\n', 'abcde'], ['1\r\na\r\nA\r\n0123456789\r\n0\r\n\r\n', 'a0123456789'], ['a\r\n0123456789\r\n00\r\n\r\n', '0123456789'],
  ['0005\r\nabcde\r\n0000\r\n\r\n', 'abcde'], ['5;a\r\nabcde\r\n0\r\n\r\n', 'abcde'], ['5;a=b;c="d\\"e"\r\nabcde\r\n0;x\r\n\r\n', 'abcde'],
  ['5\r\n\r\n\r\n\n\r\n0\r\n\r\n', '\r\n\r\n\n'], ['0\r\nX: y\r\nZ:\r\n\r\n', ''],
]
for (const [text, body] of good) {
  t.test(JSON.stringify(text), async (t) => {
    t.strictSame(read(`${text}rest`), { body, taken: text.length, state: 'over' })
    for (let cut = 0; cut <= text.length; cut++) t.strictSame(read(text, [cut]), { body, taken: text.length, state: 'over' }, `cut at ${cut}`)
    t.strictSame(read(text, Array.from(text, (_, at) => at)), { body, taken: text.length, state: 'over' }, 'byte by byte')
    for (let end = 0; end < text.length; end++) t.equal(read(text.slice(0, end)).state, 'open', `not over at ${end}`)
  })
}

const bad = [
  '\r\n', 'g', ' 5', '5 \r\n', '5\n', '5\r5', '+5', '-1', '0x5', '5_0', '\u00005', ';a\r\n', '5;\r\n', '5 ;a\r\n', '5; a\r\n', '5;a b\r\n', '5;a=\r\n', '5;=b\r\n', '5;a="b\r\n',
  '5;a\n', '5;a\0\r\n', '5;a\rb', '5;a;\r\n', `5;${'x'.repeat(300)}`, '2\r\nabc', '2\r\nab\n', '2\r\nab\r\r', '20000000000000\r\n', `${'0'.repeat(33)}\r\n`, 'ffffffffffffffff',
  '0\r\nContent-Length: 1\r\n\r\n', '0\r\nTRANSFER-ENCODING: chunked\r\n\r\n', '0\r\nX : y\r\n', '0\r\nX: y\n', '0\r\n x\r\n', '0\r\n\n', '0\r\n\rx\n', `0\r\nX: ${'y'.repeat(100)}`,
]
for (const text of bad) {
  t.test(`refused: ${JSON.stringify(text.slice(0, 40))}`, async (t) => {
    t.equal(read(text).state, 'fault')
    t.equal(read(text, Array.from(text, (_, at) => at)).state, 'fault', 'byte by byte')
  })
}

t.test('whatever is put in chunks comes out, in whatever pieces', async () => {
  const parts = fc.array(fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 40 }), { maxLength: 5 })
  fc.assert(fc.property(parts, fc.array(fc.nat(200), { maxLength: 4 }), (chunks, cuts) => {
    const text = `${chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')}0\r\n\r\n`
    const { body, taken, state } = read(`${text}GET`, cuts.toSorted((a, b) => a - b))
    return body === chunks.join('') && taken === text.length && state === 'over'
  }))
})

t.test('whatever comes is answered', async () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => ['over', 'open', 'fault'].includes(read(text).state)))
})
