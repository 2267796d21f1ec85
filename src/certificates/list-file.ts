import { tags } from './der.ts'
import type { Slices } from './slices.ts'

const begin = '-----BEGIN X509 CRL-----'
const end = '-----END X509 CRL-----'
/** So much of a PEM text is decoded in a millisecond. */
const slice = 64 * 1024
const blanks = /[\t\r\n ]+/g
const base64 = /^[A-Za-z0-9+/]*={0,2}$/

/**
 * The DER of each list of a file: PEM with one or several, or one in DER; a piece of the text at each step. Throws a plain
 * sentence where it holds no list or a broken one.
 */
export function* listsIn(file: Uint8Array): Slices<Uint8Array[]> {
  if (file[0] === tags.sequence) return [file]
  const text = Buffer.from(file.buffer, file.byteOffset, file.length)
  const lists: Uint8Array[] = []
  for (let at = text.indexOf(begin); at !== -1;) {
    const stop = text.indexOf(end, at)
    if (stop === -1) throw broken()
    lists.push(yield* decode(text.subarray(at + begin.length, stop)))
    at = text.indexOf(begin, stop)
  }
  if (lists.length === 0) throw new Error('it holds no revocation list, neither PEM nor DER')
  return lists
}

function* decode(body: Buffer): Slices<Uint8Array> {
  const bytes = Buffer.alloc(Math.ceil(body.length / 4) * 3)
  let [length, rest, isOver] = [0, '', false]
  for (let at = 0; at < body.length; at += slice) {
    const text = rest + body.toString('latin1', at, at + slice).replaceAll(blanks, '')
    if (!base64.test(text) || (isOver && text !== '')) throw broken()
    const whole = text.length - text.length % 4
    length += bytes.write(text.slice(0, whole), length, 'base64')
    rest = text.slice(whole)
    isOver = text.endsWith('=')
    yield
  }
  if (rest !== '') throw broken()
  return bytes.subarray(0, length)
}

function broken(): Error {
  return new Error('it holds a broken PEM block')
}
