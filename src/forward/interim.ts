import type { Socket } from 'node:net'
import type { Bytes } from '../core/units.ts'

/**
 * Interim answers (RFC 9110 §15.2) stand in front of the answer and say nothing that a sender needs. A client has to
 * take any number of them, asked for or not; undici takes an unasked `100 Continue` for a broken answer. They are dropped here,
 * before its parser, and only where an answer begins. `101` is none of them: it ends HTTP, and the parser refuses it.
 */

/** Behind so many of them, or in one so long, the parser gets what comes, and refuses it. */
const most = 16
const longest: Bytes = 16 * 1024

const start = Buffer.from('HTTP/1.1 1')
const statusEnd = start.length + 2
const headEnd = Buffer.from('\r\n\r\n')

/** To be called for a connection to a receiver before anything is written to it or read from it; `socket.read` gives no interim answers then. */
export function withoutInterim<S extends Socket>(socket: S): S {
  const answer = new InterimFilter()
  const read = socket.read.bind(socket) as (size?: number) => Buffer | null
  const write = socket.write.bind(socket) as (...given: unknown[]) => boolean
  return Object.assign(socket, {
    read: (size?: number) => answer.take(read(size)),
    write(...given: unknown[]) {
      answer.begins()
      return write(...given)
    },
  })
}

/** What is read from a connection that carries one request at a time. */
export class InterimFilter {
  #begins = false
  #dropped = 0
  /** Of a head that is not decided yet. */
  #held: Buffer | undefined

  /** A request is being written: what comes next is the beginning of its answer. */
  begins(): void {
    this.#begins = true
    this.#dropped = 0
  }

  /** What is left of a chunk for the parser; null where nothing is. */
  take(chunk: Buffer | null): Buffer | null {
    if (!this.#begins || chunk === null) return chunk
    let bytes = this.#held === undefined ? chunk : Buffer.concat([this.#held, chunk])
    this.#held = undefined
    while (bytes.length > 0) {
      const end = interimEnd(bytes)
      if (end === 'unknown') {
        this.#held = bytes
        return null
      }
      if (end === 'none' || this.#dropped === most) {
        this.#begins = false
        return bytes
      }
      this.#dropped++
      bytes = bytes.subarray(end)
    }
    return null
  }
}

/** Behind the interim answer that these bytes begin with; `none` where they do not. */
function interimEnd(bytes: Buffer): number | 'none' | 'unknown' {
  const known = Math.min(bytes.length, start.length)
  if (bytes.compare(start, 0, known, 0, known) !== 0) return 'none'
  if (bytes.length <= statusEnd) return 'unknown'
  const status = bytes.toString('latin1', start.length, statusEnd)
  if (status === '01' || !isDigit(status.charCodeAt(0)) || !isDigit(status.charCodeAt(1)) || isDigit(bytes[statusEnd] as number)) return 'none'
  const end = bytes.indexOf(headEnd, statusEnd)
  if (end !== -1) return end > longest ? 'none' : end + headEnd.length
  return bytes.length > longest ? 'none' : 'unknown'
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}
