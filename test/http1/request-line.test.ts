import t from 'tap'
import { couldBeRequestLine, parseRequestLine } from '../../src/http1/request-line.ts'

t.test('what is one', async (t) => {
  t.strictSame(parseRequestLine('POST /a?b HTTP/1.1'), { method: 'POST', target: '/a?b', version: '1.1' })
  t.strictSame(parseRequestLine('M-SEARCH * HTTP/1.0'), { method: 'M-SEARCH', target: '*', version: '1.0' })
})

const rows: [line: string, fault: 'request-line' | 'version'][] = [
  ['', 'request-line'], [' ', 'request-line'], ['POST', 'request-line'], ['POST ', 'version'], ['POST /', 'version'], ['POST  HTTP/1.1', 'request-line'],
  ['POST / RTSP/1.0', 'version'], ['SOURCE / ICE/1.0', 'version'], ['POST / HTTP/0.9', 'version'], ['POST / HTTP/1.2', 'version'], ['POST / HTTP/2.0', 'version'],
  ['PRI * HTTP/2.0', 'version'], ['POST / http/1.1', 'version'], ['POST / HTTP/1', 'version'], ['POST / HTTP/1.10', 'version'], ['POST / HTTP/01.1', 'version'],
  ['POST / HTTP/1.1 ', 'version'], ['POST  / HTTP/1.1', 'request-line'], ['POST /  HTTP/1.1', 'request-line'], ['POST /a b HTTP/1.1', 'request-line'],
  ['POST\t/ HTTP/1.1', 'request-line'], ['POST /\tHTTP/1.1', 'version'], ['POST / HTTP/1.1\r', 'version'], ['POST /\u00fc HTTP/1.1', 'request-line'],
  ['POST /\0 HTTP/1.1', 'request-line'], ['POST /\r HTTP/1.1', 'request-line'], [' POST / HTTP/1.1', 'request-line'], ['post / HTTP/1.1', 'request-line'],
  ['P\u00d6ST / HTTP/1.1', 'request-line'], ['POST / XHTTP/1.1', 'version'], ['GET /a HTTP/1.1HTTP/1.1', 'version'],
]
for (const [line, fault] of rows) t.test(JSON.stringify(line), async (t) => t.equal(parseRequestLine(line), fault))

t.test('every beginning of a good line could become one', async (t) => {
  const line = 'POST /a?b HTTP/1.1\r'
  for (let length = 0; length <= line.length; length++) t.ok(couldBeRequestLine(line.slice(0, length)), String(length))
})

t.test('what speaks another protocol is told at once', async (t) => {
  for (const text of ['\u0016\u0003\u0001', 'SSH-2.0-', 'post', 'POST /\0', '\u0000', '{"a"', 'POST\t', 'POST /\u00fc', 'EHLO\rx']) t.notOk(couldBeRequestLine(text), JSON.stringify(text))
})
