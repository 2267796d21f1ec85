import type { Chance } from './chance.ts'

/** Streams of honest requests, and what chance makes of them. */

const host = 'Host: localhost\r\n'
const honest = [
  `POST /a HTTP/1.1\r\n${host}Content-Length: 5\r\n\r\nabcde`,
  `POST /b HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`,
  `PUT /c?x=y HTTP/1.1\r\nX-First: 1\r\n${host}Content-Length: 0\r\nX-Last: a b\r\n\r\n`,
  `GET /d HTTP/1.1\r\n${host}Accept: */*\r\n\r\n`,
  `POST /e HTTP/1.0\r\n${host}Connection: keep-alive\r\nContent-Length: 3\r\n\r\nxyz`,
  `POST https://localhost/f HTTP/1.1\r\n${host}Content-Length: 2\r\n\r\n\r\n`,
  `POST /g HTTP/1.1\r\n${host}Expect: 100-continue\r\nContent-Length: 4\r\n\r\nwxyz`,
  `POST /h HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\na;n=v\r\n0123456789\r\n0\r\nX: y\r\n\r\n`,
  // A body that is a request itself.
  `POST /i HTTP/1.1\r\n${host}Content-Length: 43\r\n\r\nPOST /z HTTP/1.1\r\nHost: localhost\r\nX: yyyy\r\n`,
]

const tokens = [
  '\r\n', '\n', '\r', '\r\n\r\n', '\n\n', ' ', '\t', '\0', '\v', '\f', '\u0085', '\u00a0', ':', ';', ',', '0', '5', 'a', '0\r\n\r\n', 'Content-Length: 5\r\n', 'Content-Length: 0\r\n', 'Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: identity\r\n',
  host, 'Connection: close\r\n', 'Connection: Content-Length\r\n', 'Expect: 100-continue\r\n', 'Upgrade: x\r\n', 'HTTP/1.1', 'HTTP/1.0', ' HTTP/1.1\r\n', 'POST /y HTTP/1.1\r\n', 'GET ', '+', '-', '_', '0x', ' :', '\r\n ', '\r\n\t', '"',
]

/** One to four honest requests, changed in up to three places, and where the sender's writes are cut. */
export function mutated(chance: Chance): { readonly bytes: Buffer; readonly cuts: readonly number[] } {
  let bytes = Buffer.from(Array.from({ length: 1 + chance.below(4) }, () => chance.pick(honest)).join(''), 'latin1')
  for (let count = chance.below(4); count > 0; count--) bytes = changed(bytes, chance, tokens)
  const cuts = Array.from({ length: chance.below(4) }, () => chance.below(bytes.length + 1)).sort((a, b) => a - b)
  return { bytes, cuts }
}

/** A place lost, doubled, set, filled, flipped, or one of these words put there. */
export function changed(bytes: Buffer, chance: Chance, words: readonly string[]): Buffer<ArrayBuffer> {
  const at = chance.below(bytes.length + 1)
  const end = Math.min(bytes.length, at + 1 + chance.below(chance.pick([1, 1, 4, 40])))
  const [before, piece, behind] = [bytes.subarray(0, at), bytes.subarray(at, end), bytes.subarray(end)]
  const rest = bytes.subarray(at)
  switch (chance.below(6)) {
    case 0: return Buffer.concat([before, behind])
    case 1: return Buffer.concat([before, piece, piece, behind])
    case 2: return Buffer.concat([before, Buffer.from([chance.below(256)]), behind])
    case 3: return Buffer.concat([before, Buffer.from([chance.below(256)]), rest])
    case 4: return Buffer.concat([before, piece.map((byte) => byte ^ (1 << chance.below(8))), behind])
    default: return Buffer.concat([before, Buffer.from(chance.pick(words), 'latin1'), rest])
  }
}
