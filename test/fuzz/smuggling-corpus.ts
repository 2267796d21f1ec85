/**
 * Requests whose end, name or number two programs could see in two ways: what RFC 9112 §11 warns of, as the public
 * corpora permute it. Every case is what a sender writes on one connection; what must come of it the strict reader says.
 */

export type Case = readonly [name: string, bytes: string]

const host = 'Host: localhost\r\n'
const line = 'POST /first HTTP/1.1\r\n'
export const hidden = `POST /hidden HTTP/1.1\r\n${host}Content-Length: 1\r\n\r\nh`
const inChunks = (body: string): string => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
const quoted = (text: string): string => JSON.stringify(text).slice(0, 60)
const bytes = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte))

/** Spellings of a framing line that some program has taken for one, and another has not. */
function spellings(name: string, value: string): string[] {
  const line = `${name}: ${value}`
  const [first = '', second = ''] = name.split('-')
  return [
    `${name}:${value}`, `${name}:\t${value}`, `${name}:  ${value}  `, `${name} : ${value}`, `${name}\t: ${value}`, `${name} x: ${value}`, `X ${line}`,
    ` ${line}`, `\t${line}`, `X: y\r\n ${line}`, `X: y\r\n\t${line}`, `X: y\n${line}`, `X: y\r${line}`, `X: y\r\n\r${line}`, `X: y\0\r\n${line}`, `X:\n${line}`, `X:\r${line}`,
    `${name}:\r\n ${value}`, `${name}:\r\n\t${value}`, `${name}:\n ${value}`, `${name}:\r\n \r\n ${value}`, `${name}\r\n : ${value}`, `${name}\n : ${value}`, `${name}:\n\v${value}`,
    `${first}_${second}: ${value}`, `${first} ${second}: ${value}`, `${first}\\${second}: ${value}`, `${first}${second}: ${value}`, `${first}\r-${second}: ${value}`,
    `${first}-%${second.charCodeAt(0).toString(16)}${second.slice(1)}: ${value}`, `${first}\u00ad${second}: ${value}`, `${first}-\u017fx${second}: ${value}`,
    name.toUpperCase() + `: ${value}`, name.toLowerCase() + `: ${value}`, `${name}: ${value}\r`, `${name}: ${value}\t`, `${name}: ${value};q=1`, `${name}: "${value}"`, `${name}: '${value}'`,
    `${name}: ,${value}`, `${name}: ${value},`, `${name}: , ${value}`, `${name}: ${value}, ${value}`, `${name}: ${value},${value}`, `${line}\r\n${line}`, `${line}\r\n${name.toLowerCase()}: ${value}`,
    `${name}:`, `${name}: `, `${name}: ,`, `${name}:,,`, `${name}`, `:${name}: ${value}`, `${name}:: ${value}`, `${name}: ${value} x`, `${name}; ${value}`, `${name}=${value}`, `${name}: =?UTF-8?B?Y2h1bmtlZA==?=`,
    `Connection: ${name}\r\n${line}`, `Connection: keep-alive, ${name.toLowerCase()}\r\n${line}`, `Trailer: ${name}\r\n${line}`, `X: \u0000\r\n${line}`,
  ]
}

const encodings = [
  'identity', 'Chunked', 'CHUNKED', 'xchunked', 'chunkedx', 'chunk', 'chunked chunked', 'chunkedchunked', 'gzip, chunked', 'gzip,chunked', 'chunked, gzip', 'chunked, identity', 'identity, chunked',
  'identity, chunked, identity', 'deflate', 'x', 'chun\u212aed', 'c\u0068unked\u0000', '\u0001chunked', '\u000bchunked', '\u000cchunked', 'chunked\u000b', 'chunked\u000c', '\u00a0chunked', 'chunked\u00a0', '\u0085chunked', 'chunked\u0085', '\u00ffchunked',
  'chunked;', 'chunked; x=y', 'chunked, chunked', '\\chunked', 'chu\rnked', 'chu\nnked', '[chunked]', 'chunked\u0000, x', 'trailers', 'compress', 'identity\r\nTransfer-Encoding: chunked', 'chunked\r\nTransfer-Encoding: identity', 'chunked\r\nTransfer-Encoding:',
]

const lengths = [
  '+5', '-5', '-0', '+0', '0x5', '5x', '5;', '5,', ',5', '5, 5', '5,5', '5, 6', '5 5', '5 0', '0 5', '05', '005', '0000000000000005', '00000000000000000000000000000005', '5.0', '5e0', '5_0', '_5', '5_', '٥', '\u00a05', '5\u00a0',
  '\u00855', '\u000b5', '\u000c5', '5\u000b', '5\u0000', '\u00005', '5\r', '"5"', "'5'", '', ' ', 'five', 'NaN', 'Infinity', '99999999999999999999', '4294967301', '18446744073709551621', '9007199254740993', '2147483653', '-18446744073709551611', '5\r\nContent-Length: 5', '5\r\nContent-Length: 0',
  '0\r\nContent-Length: 5', '5\r\ncontent-length: 5', '5\r\nContent-Length:', '\r\n 5', '5\r\n 5', '5\n', '5#', '5/1', '0b101', '0o5', '5n', '５', '²',
]

const chunkSizes = [
  '+5', '-5', '0x5', '0X5', '5x', '5_', '_5', '0_5', '5.', '5 ', ' 5', '5\t', '\t5', '5\u000b', '\u000b5', '5\u000c', '5\u0000', '\u00005', '5\u00a0', '\u00a05', '5\u0085', '05', '0005', '0000000000000005', '00000000000000005', '5'.padStart(64, '0'), 'g', '5g', '5h', '', ' ', ';', ';x', '"5"', '5,', '5,5',
  '10000000000000005', '100000005', '8000000000000005', 'fffffffffffffffb', 'FFFFFFFFFFFFFFFFFF5', '5;', '5;x', '5 ;x', '5; x', '5;x=', '5;x=y', '5;x="y"', '5;x="y', '5;x="\\"', '5;x=y;', '5;;', '5;\u0000', '5;\u007f', '5;\u00ff', '5;x\ry', '5;x\ny', '5;x=\r\r', '5;x=\n', '5 x', '5\rx', '5\r\r', '5\n', '5\n\r', '5e0', '%35', '0b101', '5;0\r\n', '5:x', '5#x',
]

const targets = [
  '', '/', '//', '/first//x', '/first/.', '/first/..', '/first/../x', '/./first', '/first/%2e', '/first/%2E%2e/x', '/first%2fx', '/first%5cx', '/first\\x', '/first;x', '/first;x=y/..;/z', '/first#x', '/first%00', '/first%0d%0a', '/first%', '/first%4', '/first%zz', '/first%25', '/first%c0%ae', '/first%ff', '/first/…', '/%66irst',
  '*', 'first', 'localhost:443', 'http://localhost/first', 'https://localhost/first', 'https://localhost:443/first', 'https://evil.example/first', 'https://localhost@evil.example/first', 'https://evil.example@localhost/first', 'https:///first', 'https:/first', 'https:first', '//localhost/first', 'http://localhost\\@evil/first',
  'ftp://localhost/first', 'HTTPS://LOCALHOST/first', 'https://localhost?x', 'https://localhost#x', 'https://localhost:0443/first', 'https://localhost:/first', 'https://localhost:99999/first', 'https://[::1]/first', 'ws://localhost/first', 'javascript:alert(1)', '?', '?x', '/first?x', '/first?', '/first??', '/first?a b', '/first?%00', '/first?#', '/first?\u00ff', '/first HTTP/1.1 x', '/first\tHTTP/1.1\t', `/${'x'.repeat(9_000)}`,
]

const requestLines = [
  'POST /first', 'POST /first ', 'POST  /first HTTP/1.1', 'POST /first  HTTP/1.1', 'POST\t/first\tHTTP/1.1', ' POST /first HTTP/1.1', 'POST /first HTTP/1.1 ', 'POST /first HTTP/1.1\t', 'POST /first HTTP/1.1x', 'POST /first HTTP/1.10', 'POST /first HTTP/01.1', 'POST /first HTTP/1.01', 'POST /first HTTP/1', 'POST /first HTTP/1.', 'POST /first HTTP/.1', 'POST /first HTTP/11',
  'POST /first HTTP/0.9', 'POST /first HTTP/1.2', 'POST /first HTTP/2.0', 'POST /first HTTP/2', 'POST /first HTTP/3.0', 'POST /first HTTP/9.9', 'POST /first HTTP/-1.1', 'POST /first HTTP/+1.1', 'POST /first HTTP/1,1', 'POST /first http/1.1', 'POST /first Http/1.1', 'POST /first HTTPS/1.1', 'POST /first HTTP /1.1', 'POST /first HTTP/ 1.1', 'POST /first HTTP/1.1\r', 'POST /first HTTP/1.1\0',
  'POST /first RTSP/1.0', 'POST /first ICE/1.0', 'SOURCE /first ICE/1.0', 'POST /first ICY/1.0', 'PRI * HTTP/2.0', 'GET /first HTTP/1.1', 'HEAD /first HTTP/1.1', 'OPTIONS * HTTP/1.1', 'OPTIONS /first HTTP/1.1', 'CONNECT localhost:443 HTTP/1.1', 'CONNECT /first HTTP/1.1', 'TRACE /first HTTP/1.1', 'DELETE /first HTTP/1.1', 'post /first HTTP/1.1', 'Post /first HTTP/1.1', 'POS T /first HTTP/1.1', 'POST\0 /first HTTP/1.1', 'XPOST /first HTTP/1.1', 'P /first HTTP/1.1', '/first HTTP/1.1', ' /first HTTP/1.1',
  'POST HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1 200 OK', 'POST /first HTTP/1.1\r\nPOST /hidden HTTP/1.1', '\rPOST /first HTTP/1.1', '\nPOST /first HTTP/1.1', '\n\nPOST /first HTTP/1.1', '\r\nPOST /first HTTP/1.1', '\r\n\r\n\r\nPOST /first HTTP/1.1', '\r\r\nPOST /first HTTP/1.1', '\u00efPOST /first HTTP/1.1', 'POST /first HTTP/1.1\n', 'POST\u00a0/first HTTP/1.1', 'POST /first\u00a0HTTP/1.1', 'POST /first\u000bHTTP/1.1', 'PO\u017fT /first HTTP/1.1', `${'M'.repeat(9_000)} /first HTTP/1.1`, `POST /first HTTP/1.1${' '.repeat(9_000)}`,
]

const hosts = [
  '', 'Host:\r\n', 'Host: \r\n', `${host}${host}`, `${host}host: localhost\r\n`, `${host}Host: evil.example\r\n`, 'Host: localhost, localhost\r\n', 'Host: localhost,evil.example\r\n', 'Host: localhost evil\r\n', 'Host: localhost@evil\r\n', 'Host: x@localhost\r\n', 'Host: localhost/x\r\n', 'Host: localhost?x\r\n', 'Host: localhost#x\r\n', 'Host: localhost:x\r\n', 'Host: localhost:\r\n', 'Host: localhost:0\r\n',
  'Host: localhost:70000\r\n', 'Host: localhost:+443\r\n', 'Host: localhost:443:443\r\n', 'Host: LOCALHOST\r\n', 'Host: localhost.\r\n', 'Host: localhost..\r\n', 'Host: .localhost\r\n', 'Host: local_host\r\n', 'Host: local%68ost\r\n', 'Host: localhost\0\r\n', 'Host: localhost\u00ff\r\n', 'Host : localhost\r\n', ' Host: localhost\r\n', 'Host\r\n', 'Host:\tlocalhost\r\n', 'Host: "localhost"\r\n', 'Host: [::1]\r\n', 'Host: [::1\r\n', 'Host: 127.0.0.1\r\n', 'Host: 0x7f.1\r\n', 'Host: 127.1\r\n', `X: ${'a'.repeat(8_000)}\r\n${host}`, 'Host: http://localhost\r\n',
]

const expectations = ['100-continue', '100-Continue', '100-continue, x', '100-continue,', 'x', '', '"100-continue"', '100-continue\r\nExpect: 100-continue', '100-continue\r\nExpect: x', ' 100-continue', '101', '100-continue;x=y', '200-ok', 'y 100-continue', '100-continu\u212a']

/** Where one byte can stand that belongs to nobody: `¿` marks the place. */
const linePlaces = [
  '¿POST /first HTTP/1.1', 'PO¿ST /first HTTP/1.1', 'POST¿/first HTTP/1.1', 'POST /fi¿rst HTTP/1.1', 'POST /first?a¿b HTTP/1.1', 'POST /first¿HTTP/1.1', 'POST /first HTTP/1¿1', 'POST /first HTTP/1.1¿',
]
const fieldPlaces = ['¿X: y', 'X¿: y', 'X¿Y: y', 'X:¿y', 'X: y¿z', 'X: y¿', 'X: y\r\n¿', 'Host: local¿host', 'Host: localhost¿', 'Host¿: localhost']
const framingPlaces = [
  '¿Content-Length: 5', 'Content¿-Length: 5', 'Content-Length¿: 5', 'Content-Length:¿5', 'Content-Length: 5¿', '¿Transfer-Encoding: chunked', 'Transfer-Encoding¿: chunked', 'Transfer-Encoding:¿chunked', 'Transfer-Encoding: chu¿nked', 'Transfer-Encoding: chunked¿', 'Transfer¿-Encoding: chunked',
]
const chunkPlaces = ['¿5\r\nabcde\r\n0\r\n\r\n', '5¿\r\nabcde\r\n0\r\n\r\n', '5\r¿\nabcde\r\n0\r\n\r\n', '5;x¿y\r\nabcde\r\n0\r\n\r\n', '5\r\nabcde¿\r\n0\r\n\r\n', '5\r\nabcde\r¿\n0\r\n\r\n', '5\r\nabcde\r\n¿0\r\n\r\n', '5\r\nabcde\r\n0¿\r\n\r\n', '5\r\nabcde\r\n0\r\n¿\r\n', '5\r\nabcde\r\n0\r\nX: y¿\r\n\r\n', '5\r\nabcde\r\n0\r\nX¿: y\r\n\r\n', '5\r\nabcde\r\n0\r\n\r¿\n']

const everywhere = (template: string): [string, string][] => bytes.map((byte) => [`${quoted(template)} with ${quoted(byte)}`, template.replace('¿', () => byte)])

/** Both framings in every order around a spelling: whoever believes one of them sees another end. */
function framed(name: string, spelling: string): Case[] {
  const isLength = name === 'Content-Length'
  const other = isLength ? 'Transfer-Encoding: chunked' : `Content-Length: ${inChunks(hidden).length}`
  const body = inChunks(hidden)
  return [
    [`${quoted(spelling)} alone`, `${line}${host}${spelling}\r\n\r\n${isLength ? 'abcde' : inChunks('x')}${hidden}`],
    [`${quoted(spelling)} in front of ${other}`, `${line}${host}${spelling}\r\n${other}\r\n\r\n${body}${hidden}`],
    [`${quoted(spelling)} behind ${other}`, `${line}${host}${other}\r\n${spelling}\r\n\r\n${body}${hidden}`],
  ]
}

const pieces: Case[] = [
  ['CL.0', `${line}${host}Content-Length: 0\r\n\r\n${hidden}`], ['0.CL', `GET /first HTTP/1.1\r\n${host}Content-Length: ${hidden.length}\r\n\r\n${hidden}`],
  ['TE.0', `OPTIONS /first HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n${inChunks(hidden)}`], ['1.0 and keep-alive', `POST /first HTTP/1.0\r\n${host}Connection: keep-alive\r\nContent-Length: 1\r\n\r\nx${hidden}`],
  ['1.0 in chunks and keep-alive', `POST /first HTTP/1.0\r\n${host}Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n${inChunks('x')}${hidden}`], ['closed in front of another', `${line}${host}Connection: close\r\nContent-Length: 1\r\n\r\nx${hidden}`],
  ['an upgrade in front of another', `${line}${host}Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\nx${hidden}`], ['an upgrade to h2c', `${line}${host}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nContent-Length: 1\r\n\r\nx${hidden}`],
  ['CONNECT in front of another', `CONNECT localhost:1 HTTP/1.1\r\n${host}\r\n${hidden}`], ['no last chunk', `${line}${host}Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n`], ['no end of the last chunk', `${line}${host}Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n`], ['no empty line', `${line}${host}Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n${hidden}`],
  ['nothing but a last chunk', `${line}${host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`], ['an early end', `${line}${host}Content-Length: 50\r\n\r\nabcde`], ['CR at the end', `${line}${host}Content-Length: 5\r\n\r`], ['trailers that frame', `${line}${host}Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n${hidden}`],
  ['trailers that name a host', `${line}${host}Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\nHost: evil.example\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n${hidden}`], ['folded trailers', `${line}${host}Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\nX: y\r\n z\r\n\r\n${hidden}`], ['bare LF in trailers', `${line}${host}Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\nX: y\nZ: z\r\n\r\n${hidden}`],
  ['trailers and a length', `${line}${host}Content-Length: 5\r\nTrailer: X\r\n\r\nabcdeX: y\r\n\r\n${hidden}`], ['trailers beyond measure', `${line}${host}Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n${`X: ${'y'.repeat(1_000)}\r\n`.repeat(40)}\r\n${hidden}`], ['an extension beyond measure', `${line}${host}Transfer-Encoding: chunked\r\n\r\n5;${'x'.repeat(40_000)}\r\nabcde\r\n0\r\n\r\n${hidden}`],
  ['two thousand and one lines', `${line}${host}${'X: y\r\n'.repeat(2_001)}Content-Length: 5\r\n\r\nabcde${hidden}`], ['the length behind two thousand lines', `${line}${'X:y\r\n'.repeat(2_000)}${host}Transfer-Encoding: chunked\r\n\r\n${inChunks('x')}${hidden}`],
  ['a name beyond measure', `${line}${host}${'X'.repeat(20_000)}: y\r\n\r\n${hidden}`], ['a value beyond measure', `${line}${host}X: ${'y'.repeat(20_000)}\r\n\r\n${hidden}`], ['SSL 2', '\x80\x2e\x01\x03\x01\0\x15\0\0\0\x10'], ['TLS inside TLS', '\x16\x03\x01\0\x05\x01\0\0\x01\0'], ['HTTP/2 preface', `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0${hidden}`],
  ['a PROXY header', `PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r\n${line}${host}Content-Length: 5\r\n\r\nabcde`], ['a body that nobody announced', `${line}${host}\r\n${hidden}`], ['empty lines between', `${line}${host}Content-Length: 1\r\n\r\nx\r\n\r\n${hidden}`], ['a byte between', `${line}${host}Content-Length: 1\r\n\r\nx ${hidden}`], ['fifteen in a row', hidden.repeat(15)], ['many in a row', hidden.repeat(50)], ['a refused one in between', `${hidden.repeat(2)}POST /hidden HTTP/1.1\r\n${host}${host}\r\n${hidden.repeat(2)}`],
]

/** Every case, always in the same order. */
export function smugglingCases(): Case[] {
  const cl = `${line}${host}`
  const te = `${cl}Transfer-Encoding: chunked\r\n\r\n`
  const tail = `Content-Length: 5\r\n\r\nabcde${hidden}`
  return [
    ...pieces,
    ...spellings('Content-Length', '5').flatMap((one) => framed('Content-Length', one)), ...spellings('Transfer-Encoding', 'chunked').flatMap((one) => framed('Transfer-Encoding', one)),
    ...encodings.flatMap((value) => framed('Transfer-Encoding', `Transfer-Encoding: ${value}`)), ...lengths.flatMap((value) => framed('Content-Length', `Content-Length: ${value}`)),
    ...chunkSizes.map((size): Case => [`chunk size ${quoted(size)}`, `${te}${size}\r\nabcde\r\n0\r\n\r\n${hidden}`]),
    ...chunkSizes.map((size): Case => [`last chunk ${quoted(size)}`, `${te}5\r\nabcde\r\n${size.replaceAll('5', '0')}\r\n\r\n${hidden}`]),
    ...['\n', '\r', '', 'x\r\n', '\r\n\r\n', '\n\r', ' \r\n', '\0\r\n', '\r\r\n'].map((end): Case => [`behind a chunk ${quoted(end)}`, `${te}5\r\nabcde${end}0\r\n\r\n${hidden}`]),
    ...targets.map((target): Case => [`target ${quoted(target)}`, `POST ${target} HTTP/1.1\r\n${host}${tail}`]), ...requestLines.map((one): Case => [`line ${quoted(one)}`, `${one}\r\n${host}${tail}`]),
    ...hosts.map((one): Case => [`host ${quoted(one)}`, `${line}${one}${tail}`]), ...expectations.map((value): Case => [`expect ${quoted(value)}`, `${line}${host}Expect: ${value}\r\n${tail}`]), ...expectations.map((value): Case => [`expect ${quoted(value)} and nothing`, `${line}${host}Expect: ${value}\r\n\r\n${hidden}`]),
    ...linePlaces.flatMap(everywhere).map(([name, text]): Case => [name, `${text}\r\n${host}${tail}`]),
    ...fieldPlaces.flatMap(everywhere).map(([name, text]): Case => [name, `${line}${text.startsWith('Host') ? '' : host}${text}\r\n${tail}`]),
    ...framingPlaces.flatMap(everywhere).map(([name, text]): Case => [name, `${cl}${text}\r\n\r\n${inChunks('x')}${hidden}`]),
    ...chunkPlaces.flatMap(everywhere).map(([name, text]): Case => [name, `${te}${text}${hidden}`]),
  ]
}
