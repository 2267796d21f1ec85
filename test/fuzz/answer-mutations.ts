import type { Chance } from './chance.ts'
import { changed } from './mutations.ts'

/** What a receiver answers to one request: these bytes, in pieces cut at `cuts`, and then perhaps the end of the connection. */
export interface Payload { readonly method: 'POST' | 'HEAD'; readonly bytes: Buffer; readonly cuts: readonly number[]; readonly ends: boolean }

/** Were it ever handed to a sender as an answer of its own, it would show. */
const second = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX-Poison: 1\r\n\r\nPOISON'

const honest = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n',
  'HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\na;n=v\r\n0123456789\r\n0\r\nX: y\r\n\r\n',
  'HTTP/1.1 204 No Content\r\nX: y\r\n\r\n',
  'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n',
  'HTTP/1.1 500 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno',
  'HTTP/1.0 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nxyz',
  'HTTP/1.0 200 OK\r\n\r\nto the end',
  'HTTP/1.1 200 \r\n\r\nto the end',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx',
  // A body that is an answer itself.
  `HTTP/1.1 200 OK\r\nContent-Length: ${second.length}\r\n\r\n${second}`,
]

const words = [
  '\r\n', '\n', '\r', '\r\n\r\n', '\n\n', ' ', '\t', '\0', '\v', '\f', '\u0085', '\u00a0', ':', ';', ',', '0', '5', 'a', '0\r\n\r\n', second, second,
  'Content-Length: 5\r\n', 'Content-Length: 0\r\n', 'Content-Length: 5, 5\r\n', 'Content-Length: +5\r\n', 'Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: identity\r\n',
  'Transfer-Encoding: gzip, chunked\r\n', 'Connection: close\r\n', 'Connection: keep-alive\r\n', 'Connection: Content-Length\r\n', 'Keep-Alive: timeout=99\r\n', 'Upgrade: x\r\n',
  'HTTP/1.1', 'HTTP/1.0', 'HTTP/0.9', 'HTTP/2', 'HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 101 Switching Protocols\r\n\r\n', 'HTTP/1.1 199 x\r\n\r\n',
  '204', '304', '099', '600', '1000', '+', '-', '_', '0x', ' :', '\r\n ', '\r\n\t', '"', 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(17), `X: ${'y'.repeat(70_000)}\r\n`, 'A: b\r\n'.repeat(3_000),
]

/** An honest answer, or two, changed in up to three places. */
export function answerOf(chance: Chance): Payload {
  let bytes = Buffer.from(chance.pick(honest) + (chance.below(4) === 0 ? chance.pick(honest) : ''), 'latin1')
  for (let count = chance.below(4); count > 0; count--) bytes = changed(bytes, chance, words)
  const cuts = Array.from({ length: chance.below(4) }, () => chance.below(bytes.length + 1)).sort((a, b) => a - b)
  return { method: chance.below(6) === 0 ? 'HEAD' : 'POST', bytes, cuts, ends: chance.below(2) === 0 }
}

/** Framings, status lines and ends, each as it stands. */
export function answerCases(): Payload[] {
  const lines = ['HTTP/1.1 200 OK', 'HTTP/1.1 200', 'HTTP/1.1 200 ', 'HTTP/1.1  200 OK', 'HTTP/1.1\t200 OK', 'http/1.1 200 OK', 'HTTP/1.10 200 OK', 'HTTP/01.1 200 OK', 'HTTP/1.1 20 OK', 'HTTP/1.1 2000 OK', 'HTTP/1.1 0200 OK', 'HTTP/1.1 200OK', ' HTTP/1.1 200 OK', 'ICY 200 OK', 'HTTP/1.2 200 OK', 'HTTP/1.1 101 x', 'HTTP/1.1 100 x', 'HTTP/1.1 204 x', 'HTTP/1.1 205 x', 'HTTP/1.1 304 x', 'HTTP/1.0 200 OK', 'HTTP/1.1 999 x', 'HTTP/1.1 200 O\0K', 'HTTP/1.1 200 O\rK', 'HTTP/1.1 200 O\nK']
  const framings = [
    '', 'Content-Length: 5\r\n', 'Content-Length: 5\r\nContent-Length: 5\r\n', 'Content-Length: 5\r\nContent-Length: 6\r\n', 'Content-Length: 5,5\r\n', 'Content-Length: 5;\r\n', 'Content-Length: 0x5\r\n', 'Content-Length: -5\r\n', 'Content-Length: \r\n',
    'Content-Length : 5\r\n', 'Content-Length: 5\n', ' Content-Length: 5\r\n', 'X: y\r\n Content-Length: 5\r\n', 'Content-Length: 99999999999999999999\r\n', 'Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', 'Transfer-Encoding: Chunked\r\n',
    'Transfer-Encoding: chunked, chunked\r\n', 'Transfer-Encoding: chunked, identity\r\n', 'Transfer-Encoding: xchunked\r\n', 'Transfer-Encoding: \r\n', 'Transfer-Encoding:\x0bchunked\r\n', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n',
  ]
  const bodies = ['abcde', '5\r\nabcde\r\n0\r\n\r\n', '5 \r\nabcde\r\n0\r\n\r\n', '0x5\r\nabcde\r\n0\r\n\r\n', '5\nabcde\n0\n\n', '-5\r\nabcde\r\n0\r\n\r\n', 'fffffffffffffffff\r\nabcde\r\n0\r\n\r\n', '5\r\nabcdeX\r\n0\r\n\r\n', '5\r\nabcde\r\n0\r\nA\r\n\r\n', '5\r\nabcde\r\n0\r\nContent-Length: 9\r\n\r\n', '5;\0\r\nabcde\r\n0\r\n\r\n', '']
  const all = lines.flatMap((line) => framings.flatMap((framing) => bodies.map((body) => `${line}\r\n${framing}\r\n${body}`)))
  return all.flatMap((text, at) => [text, text + second].map((one, nth): Payload => ({ method: 'POST', bytes: Buffer.from(one, 'latin1'), cuts: [], ends: (at + nth) % 2 === 0 })))
}
