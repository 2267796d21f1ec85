import fc from 'fast-check'
import t from 'tap'
import { startGateway } from '../support/gateway.ts'
import { rawTls } from '../support/raw.ts'
import { startReceiver, type TestReceiver } from '../support/receiver.ts'

/**
 * Requests whose end two parties could see in different places. Whatever is answered: the receiver sees the requests
 * that a strict reader sees, whole, each with the length of its own body, and never the one that is hidden in them.
 */

const receiver = await startReceiver()
t.teardown(() => receiver.close())
const gateway = await startGateway(t, {
  receiver: receiver.port, routes: [{ match: { path: '/*', methods: ['POST', 'GET', 'PUT'] }, open: true }],
  // Time runs on for bodies that never come whole; what is with the receiver has all the time it wants.
  settings: { receivers: { target: { url: receiver.url, timeout: '1h' } } },
})

const host = 'Host: localhost\r\n'
const hidden = `POST /RUN/smuggled HTTP/1.1\r\n${host}Content-Length: 0\r\n\r\n`
const first = `POST /RUN/first HTTP/1.1\r\n${host}`

/** `seen`: targets and bodies that reach the receiver. */
type Case = readonly [name: string, bytes: string, seen?: readonly (readonly [string, string])[]]

const chunked = `${first}Transfer-Encoding: chunked\r\n`
const inChunks = (body: string): string => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`

const cases: Case[] = [
  ['CL.TE', `${first}Content-Length: ${5 + hidden.length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`],
  ['TE.CL', `${first}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n${inChunks(hidden)}`],
  ...['Transfer-Encoding : chunked', 'Transfer-Encoding: xchunked', 'Transfer-Encoding:\tchunked\u000b', 'Transfer-Encoding: chunked\r\nTransfer-encoding: x',
    'Transfer-Encoding: identity', 'X: x\nTransfer-Encoding: chunked', 'Transfer-Encoding\r\n : chunked', ' Transfer-Encoding: chunked', 'Transfer-Encoding: "chunked"',
    'Transfer-Encoding: chunked;q=1', 'Transfer-Encoding: ,chunked', 'Transfer-Encoding: chunked, identity', 'Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked',
    'Transfer-Encoding:\r\n chunked', 'Transfer-Encoding: chun\u0000ked', 'Transfer-Encoding: \u0000chunked', 'Transfer\u0000-Encoding: chunked']
    .map((line): Case => [`TE.TE ${JSON.stringify(line)}`, `${first}${line}\r\n\r\n${inChunks('x')}${hidden}`]),
  ['an underscore hides nothing', `${first}Transfer_Encoding: chunked\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`, [['/first', hidden]]],
  ...['+5', '-5', '5,5', '5, 6', '0x5', '5 5', '5\u0000', '\u00a05', '99999999999999999999', '18446744073709551621', '5_0', '']
    .map((value): Case => [`Content-Length ${JSON.stringify(value)}`, `${first}Content-Length: ${value}\r\n\r\nabcde${hidden}`]),
  ['two lengths', `${first}Content-Length: 5\r\nContent-Length: 0\r\n\r\nabcde${hidden}`],
  ['two equal lengths', `${first}Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde${hidden}`],
  ['Content-Length with a blank before the colon', `${first}Content-Length : 5\r\n\r\nabcde${hidden}`],
  ['obs-fold of a length', `${first}Content-Length:\r\n 5\r\n\r\nabcde${hidden}`],
  ['a length behind a fold', `${first}X: a\r\n Content-Length: 5\r\n\r\nabcde${hidden}`],
  ['bare CR in a value', `${first}X: a\rContent-Length: 5\r\n\r\nabcde${hidden}`],
  ['bare CR ends a line', `${first}X: a\rContent-Length: 5\r\r\nabcde${hidden}`],
  ['bare LF ends a line', `${first}X: a\nContent-Length: 5\r\n\r\nabcde${hidden}`],
  ['bare LF ends the head', `${first}Content-Length: 5\r\n\nabcde${hidden}`],
  ['LF CR', `${first}Content-Length: 5\n\r\n\rabcde${hidden}`],
  ['NUL in a name', `${first}Content\u0000Length: 5\r\n\r\nabcde${hidden}`],
  ['NUL in a value', `${first}X: a\u0000b\r\nContent-Length: 0\r\n\r\n${hidden}`],
  ['an empty name', `${first}: x\r\nContent-Length: 5\r\n\r\nabcde${hidden}`],
  ['a line without a colon', `${first}Content-Length\r\nContent-Length: 5\r\n\r\nabcde${hidden}`],
  ['junk in a name', `${first}X(y): 1\r\nContent-Length: 0\r\n\r\n${hidden}`],
  ['a blank before the first line', `POST /RUN/first HTTP/1.1\r\n ${host}Content-Length: 5\r\n\r\nabcde${hidden}`],
  ['a line behind the request line is folded', `POST /RUN/first HTTP/1.1\r\n\tX: 1\r\n${host}Content-Length: 0\r\n\r\n${hidden}`],
  ...['+5', '-5', '0x5', '5_', '_5', ' 5', '5 ', '\t5', '5\t', '00000000000000005', 'g', '', '10000000000000005', 'fffffffffffffffff', '5;', '5 ;x', '\u00005', '5\r', '5h']
    .map((size): Case => [`chunk size ${JSON.stringify(size)}`, `${chunked}\r\n${size}\r\nabcde\r\n0\r\n\r\n${hidden}`,
      // Nothing is hidden behind this one: it is the next request.
      size === '00000000000000005' ? [['/first', 'abcde'], ['/smuggled', '']] : []]),
  ['bare LF behind a chunk size', `${chunked}\r\n5\nabcde\r\n0\r\n\r\n${hidden}`],
  ['bare LF behind a chunk', `${chunked}\r\n5\r\nabcde\n0\r\n\r\n${hidden}`],
  ['bare CR behind a chunk size', `${chunked}\r\n5\rabcde\r\n0\r\n\r\n${hidden}`],
  ['bare LF in an extension', `${chunked}\r\n5;x\nabcde\r\n0\r\n\r\n${hidden}`],
  ['NUL in an extension', `${chunked}\r\n5;a\u0000\r\nabcde\r\n0\r\n\r\n${hidden}`],
  ['bare CR in an extension', `${chunked}\r\n5;a\rb\r\nabcde\r\n0\r\n\r\n${hidden}`],
  ['an extension', `${chunked}\r\n5;a=b;c="d"\r\nabcde\r\n0\r\n\r\n`, [['/first', 'abcde']]],
  ['an endless extension', `${chunked}\r\n5;${'x'.repeat(40_000)}\r\nabcde\r\n0\r\n\r\n`],
  ['a chunk longer than it says', `${chunked}\r\n3\r\nabcde\r\n0\r\n\r\n${hidden}`],
  ['a chunk shorter than it says', `${chunked}\r\n6\r\nabcde\r\n0\r\n\r\n${hidden}`],
  ['a last chunk of many zeros', `${chunked}\r\n5\r\nabcde\r\n0000\r\n\r\n`, [['/first', 'abcde']]],
  ['no empty line behind the last chunk', `${chunked}\r\n5\r\nabcde\r\n0\r\n${hidden}`],
  ['trailers', `${chunked}\r\n5\r\nabcde\r\n0\r\nHost: evil.example\r\nX-Trailer: 1\r\n\r\n`, [['/first', 'abcde']]],
  ['a trailer that states a length', `${chunked}\r\n5\r\nabcde\r\n0\r\nContent-Length: 7\r\n\r\n`],
  ['a trailer that states an encoding', `${chunked}\r\n5\r\nabcde\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n`],
  ['GET with a body', `GET /RUN/first HTTP/1.1\r\n${host}Content-Length: ${hidden.length}\r\n\r\n${hidden}`],
  ['1.0 in chunks', `POST /RUN/first HTTP/1.0\r\n${host}Transfer-Encoding: chunked\r\n\r\n${inChunks('x')}${hidden}`],
  ['1.0 without a length', `POST /RUN/first HTTP/1.0\r\n${host}\r\n${hidden}`, [['/first', '']]],
  ['an upgrade', `${first}Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n${hidden}`],
  ['an upgrade to HTTP/2', `${first}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nContent-Length: 0\r\n\r\n${hidden}`],
  ['an upgrade that Connection does not name', `${first}Upgrade: h2c\r\nContent-Length: 0\r\n\r\n`, [['/first', '']]],
  ['Connection names the length', `${first}Connection: Content-Length\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`],
  ['absolute form for another host', `POST https://evil.example/RUN/first HTTP/1.1\r\n${host}Content-Length: 0\r\n\r\n${''}`],
  ['two requests', `${first}Content-Length: 1\r\n\r\nxPUT /RUN/second HTTP/1.1\r\n${host}Content-Length: 2\r\n\r\nyz`, [['/first', 'x'], ['/second', 'yz']]],
]

type Seen = readonly [target: string, body: string]

let runs = 100

/** Sends, and waits for so many answers or the end. `seen` is what has come of it when everything is over. */
async function play(bytes: string, answers: number, cuts: readonly number[] = []): Promise<{ readonly seen: () => Seen[] }> {
  const run = String(++runs)
  const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate })
  const marked = bytes.replaceAll('RUN', run)
  let from = 0
  for (const cut of [...cuts, bytes.length]) {
    client.send(marked.slice(from, cut))
    from = cut
    await new Promise(setImmediate)
  }
  // A body that never comes whole is waited for.
  const waiting = setInterval(() => gateway.world.clock.advance(1_000), 20)
  try {
    for (let count = 0; count < answers; count++) await client.response()
  } catch {
    await client.ended()
  }
  clearInterval(waiting)
  client.close()
  return { seen: () => receiver.seen.filter(({ line }) => line.includes(`/${run}/`)).map(asSeen) }
}

function asSeen({ line, headers, body }: TestReceiver['seen'][number]): Seen {
  const lengths = headers.filter((text, at) => at % 2 === 0 && /^(content-length|transfer-encoding)$/i.test(text))
  if (lengths.length !== 1) throw new Error(`framed ${lengths.length} times`)
  return [line.split(' ')[1]?.slice('/000'.length) ?? '', body.toString('latin1').replaceAll(/\/\d{3}\//g, '/RUN/')]
}

const played: [string, () => Seen[], number][] = []
for (const [name, bytes, expected = []] of cases) {
  t.test(name, async (t) => {
    const { seen } = await play(bytes, Math.max(1, expected.length))
    t.strictSame(seen(), expected, 'what the receiver saw')
    played.push([name, seen, expected.length])
  })
}

t.test('and nothing more came later', async (t) => {
  for (const [name, seen, count] of played) t.equal(seen().length, count, name)
})

/** What a strict reader takes of a connection, up to the first thing that is not plain. `answers`: with those that are refused. */
function strictly(bytes: string): { readonly found: Seen[]; readonly answers: number } {
  const found: Seen[] = []
  let answers = 0
  for (let rest = bytes.replace(/^(\r\n)+/, ''); ;) {
    const head = /^(?:\r\n)*POST \/RUN(\/[a-z]+) HTTP\/1\.([01])\r\n((?:[A-Za-z-]+: [!-~]*\r\n)*)\r\n/.exec(rest)
    if (head === null) return { found, answers }
    rest = rest.slice(head[0].length)
    const lines = (head[3] ?? '').split('\r\n').slice(0, -1).map((line) => line.toLowerCase().split(': '))
    const values = (name: string) => lines.filter(([key]) => key === name).map(([, value]) => value)
    const [hosts, lengths, encodings] = [values('host').length, values('content-length'), values('transfer-encoding')]
    if (hosts > 1 || lengths.length + encodings.length > 1 || (head[2] === '0' && encodings.length > 0)) return { found, answers }
    const body = encodings.length === 0 ? sized(rest, lengths[0] ?? '0') : encodings[0] === 'chunked' ? chunks(rest) : undefined
    if (body === undefined) return { found, answers }
    rest = rest.slice(body.length)
    answers++
    if (hosts === 1) found.push([head[1] ?? '', body.text])
    if (head[2] === '0') return { found, answers }
  }
}

function sized(rest: string, value: string): { length: number; text: string } | undefined {
  const length = /^\d{1,9}$/.test(value) ? Number(value) : Infinity
  return rest.length < length ? undefined : { length, text: rest.slice(0, length) }
}

function chunks(rest: string): { length: number; text: string } | undefined {
  let text = ''
  for (let at = 0; ;) {
    const size = /^([0-9a-f]{1,6})\r\n/.exec(rest.slice(at))
    if (size === null) return undefined
    const [start, length] = [at + size[0].length, Number.parseInt(size[1] ?? '', 16)]
    if (rest.slice(start + length, start + length + 2) !== '\r\n') return undefined
    text += rest.slice(start, start + length)
    at = start + length + 2
    if (length === 0) return { length: at, text }
  }
}

t.test('the receiver sees a beginning of what a strict reader sees, in whatever pieces it comes', async (t) => {
  const part = fc.constantFrom(
    'POST /RUN/a HTTP/1.1\r\n', 'POST /RUN/b HTTP/1.1\r\n', 'POST /RUN/c HTTP/1.0\r\n', 'POST /RUN/d RTSP/1.0\r\n', host, host, 'Content-Length: 5\r\n', 'Content-Length: 0\r\n',
    'Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: x\r\n', 'X: y\r\n', '\r\n', '\r\n', '\n', '\r', 'abcde', '5\r\nabcde\r\n0\r\n\r\n', '0\r\n\r\n', ' ',
    `POST /RUN/e HTTP/1.1\r\n${host}Content-Length: 5\r\n\r\nabcde`, `POST /RUN/f HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n0\r\n\r\n`,
  )
  // Whatever chance brings, one run holds two whole requests.
  const two = `POST /RUN/e HTTP/1.1\r\n${host}Content-Length: 5\r\n\r\nabcde`.repeat(2)
  const payload = fc.array(part, { minLength: 1, maxLength: 10 }).map((parts) => parts.join(''))
  const sliced = payload.chain((bytes) => fc.tuple(fc.constant(bytes), fc.array(fc.nat({ max: bytes.length }), { maxLength: 3 })))
  const all: [string, Seen[], () => Seen[]][] = []
  await fc.assert(fc.asyncProperty(sliced, async ([bytes, cuts]) => {
    const { found, answers } = strictly(bytes)
    const { seen } = await play(bytes, answers, cuts.toSorted((a, b) => a - b))
    all.push([bytes, found, seen])
  }), { numRuns: 400, examples: [[[two, []]]] })
  for (const [bytes, found, seen] of all) t.strictSame(seen(), found.slice(0, seen().length), JSON.stringify(bytes))
  t.ok(all.some(([, found, seen]) => found.length > 1 && seen().length === found.length), 'and often all of it')
})
