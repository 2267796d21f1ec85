import t from 'tap'
import { decoderOf } from '../../src/http1/body-decoder.ts'
import { frameOf } from '../../src/http1/framing.ts'
import { parseStatusLine } from '../../src/http1/status-line.ts'

t.test('framing', async (t) => {
  const rows: [string[], ReturnType<typeof frameOf>['framing']][] = [
    [[], 'unsaid'], [['Content-Length', '0'], 0], [['CONTENT-LENGTH', '005'], 5], [['Transfer-Encoding', 'Chunked'], 'chunked'],
    [['content-length', '999999999999999'], 999999999999999], [['content-length', '1000000000000000'], 'unclear'],
    ...['', '+5', '-5', '5,5', '5 ', '0x5', '5.0', '5e3', '\u0665'].map((value): [string[], 'unclear'] => [['Content-Length', value], 'unclear']),
    ...['', 'gzip, chunked', 'chunked, chunked', 'identity', 'chunked;x'].map((value): [string[], 'unclear'] => [['Transfer-Encoding', value], 'unclear']),
    [['Content-Length', '5', 'Content-Length', '5'], 'unclear'], [['Transfer-Encoding', 'chunked', 'Content-Length', '5'], 'unclear'],
    [['Content-Length', '5', 'Transfer-Encoding', 'chunked'], 'unclear'], [['Content_Length', '5'], 'unsaid'],
  ]
  for (const [fields, expected] of rows) t.equal(frameOf(fields).framing, expected, JSON.stringify(fields))
})

t.test('what becomes of the connection', async (t) => {
  const rows: [string[], ReturnType<typeof frameOf>['connection']][] = [
    [[], undefined], [['Connection', 'close'], 'close'], [['connection', 'Keep-Alive'], 'keep-alive'], [['Connection', 'x, Close'], 'close'],
    [['Connection', 'keep-alive', 'Connection', 'close'], 'close'], [['Connection', 'close', 'Connection', 'keep-alive'], 'close'],
    [['Connection', 'keep-alive, Upgrade'], 'upgrade'], [['Connection', 'Upgrade', 'Connection', 'keep-alive'], 'upgrade'], [['Connection', 'upgrade, close'], 'close'], [['Connection', 'closed'], undefined],
  ]
  for (const [fields, expected] of rows) t.equal(frameOf(fields).connection, expected, JSON.stringify(fields))
  t.ok(frameOf(['Expect', '100-Continue']).expectsContinue)
  t.notOk(frameOf(['Expect', '100-continue, x']).expectsContinue)
})

t.test('a body of a length', async (t) => {
  const body = decoderOf(3, 0)
  const parts: string[] = []
  t.equal(body.take(Buffer.from('ab'), (part) => parts.push(part.toString())), 2)
  t.notOk(body.isOver)
  t.equal(body.take(Buffer.from('cde'), (part) => parts.push(part.toString())), 1)
  t.ok(body.isOver)
  t.strictSame(parts, ['ab', 'c'])
  t.equal(body.take(Buffer.from('x'), () => t.fail('nothing more')), 0)
  for (const none of ['unsaid', 0] as const) t.ok(decoderOf(none, 0).isOver)
})

t.test('status lines', async (t) => {
  t.strictSame(parseStatusLine('HTTP/1.1 200 OK'), { version: '1.1', status: 200 })
  t.strictSame(parseStatusLine('HTTP/1.0 404'), { version: '1.0', status: 404 })
  t.strictSame(parseStatusLine('HTTP/1.1 299 '), { version: '1.1', status: 299 })
  for (const line of ['', 'HTTP/1.1', 'HTTP/1.1 ', 'HTTP/1.1 20', 'HTTP/1.1 2000', 'HTTP/1.1  200 OK', 'HTTP/1.1 200OK', 'HTTP/2 200', 'HTTP/1.2 200 OK', 'http/1.1 200 OK', 'HTTP/1.1 099 x',
    'HTTP/1.1 200 O\rK', 'ICY 200 OK', ' HTTP/1.1 200 OK']) t.equal(parseStatusLine(line), undefined, JSON.stringify(line))
})
