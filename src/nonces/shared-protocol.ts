import type { Socket } from 'node:net'
import type { Claimed, Found, Nonce, Outcome } from '../core/nonce.ts'
import type { Bytes, Milliseconds } from '../core/units.ts'

/**
 * How workers ask the process that owns the store: frames of fixed sizes over a Unix socket, gathered once a turn of the
 * event loop, so that deliveries of one turn share the system calls. Both ends are the same build on the same machine.
 */
export const requestBytes: Bytes = 56
export const replyBytes: Bytes = 8

/** Every request carries the number of its claim, which this connection gives once. */
export type Request =
  | { readonly ask: 'claim'; readonly claim: number; readonly nonce: Nonce; readonly lease: Milliseconds }
  | { readonly ask: 'find'; readonly claim: number; readonly nonce: Nonce }
  | { readonly ask: 'commit'; readonly claim: number; readonly outcome: Outcome }
  | { readonly ask: 'release'; readonly claim: number }

/** The answers, in the order of their numbers on the wire. */
const answers = ['claimed', 'in-flight', 'same', 'other', 'yes', 'no', 'unavailable'] as const
export type Answer = (typeof answers)[number]
export interface Reply { readonly claim: number; readonly answer: Answer; readonly status: number }

const asks = ['claim', 'commit', 'release', 'find'] as const

/** ask 1, –3, claim 4, then either lease 8 (nothing for `find`), passesUntil 8, key 16, print 16 or until 8, status 2. */
export function writeRequest(request: Request): Buffer {
  const frame = Buffer.alloc(requestBytes)
  frame.writeUInt8(asks.indexOf(request.ask), 0)
  frame.writeUInt32LE(request.claim, 4)
  if (request.ask === 'claim') frame.writeDoubleLE(request.lease, 8)
  if (request.ask === 'claim' || request.ask === 'find') {
    frame.writeDoubleLE(request.nonce.passesUntil ?? NaN, 16)
    frame.set(request.nonce.key.subarray(0, 16), 24)
    frame.set(request.nonce.print.subarray(0, 16), 40)
  }
  if (request.ask === 'commit') {
    frame.writeDoubleLE(request.outcome.until, 8)
    frame.writeUInt16LE(request.outcome.status, 16)
  }
  return frame
}

/** A frame that this build wrote; anything else is a bug and throws. */
export function readRequest(frame: Buffer): Request {
  const claim = frame.readUInt32LE(4)
  const ask = asks[frame.readUInt8(0)]
  if (ask === 'release') return { ask, claim }
  if (ask === 'commit') return { ask, claim, outcome: { until: frame.readDoubleLE(8), status: frame.readUInt16LE(16) } }
  if (ask === undefined) throw new RangeError('not a request')
  const passes = frame.readDoubleLE(16)
  const nonce = { key: frame.subarray(24, 40), print: frame.subarray(40, 56), passesUntil: Number.isNaN(passes) ? undefined : passes }
  return ask === 'find' ? { ask, claim, nonce } : { ask, claim, nonce, lease: frame.readDoubleLE(8) }
}

export function writeReply({ claim, answer, status }: Reply): Buffer {
  const frame = Buffer.alloc(replyBytes)
  frame.writeUInt32LE(claim, 0)
  frame.writeUInt8(answers.indexOf(answer), 4)
  frame.writeUInt16LE(status, 6)
  return frame
}

export function readReply(frame: Buffer): Reply {
  const answer = answers[frame.readUInt8(4)]
  if (answer === undefined) throw new RangeError('not a reply')
  return { claim: frame.readUInt32LE(0), answer, status: frame.readUInt16LE(6) }
}

export function answerOf(claimed: Claimed | Found): Pick<Reply, 'answer' | 'status'> {
  if (claimed.state === 'unknown') return { answer: 'no', status: 0 }
  return claimed.state === 'committed' ? { answer: claimed.material, status: claimed.status } : { answer: claimed.state, status: 0 }
}

/** Gathers frames, and writes them once a turn of the event loop. */
export class FrameWriter {
  readonly #socket: Socket
  #frames: Buffer[] = []

  constructor(socket: Socket) {
    this.#socket = socket
  }

  write(frame: Buffer): void {
    if (this.#frames.push(frame) === 1) setImmediate(() => this.#flush())
  }

  #flush(): void {
    const frames = this.#frames
    this.#frames = []
    if (!this.#socket.destroyed) this.#socket.write(frames.length === 1 ? frames[0] as Buffer : Buffer.concat(frames))
  }
}

/** Cuts what a socket brings into frames of this size. A frame is a buffer of its own only for as long as `take` runs. */
export function readFrames(socket: Socket, size: Bytes, take: (frame: Buffer) => void): void {
  let rest: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    for (; at + size <= bytes.length; at += size) take(bytes.subarray(at, at + size))
    rest = Buffer.from(bytes.subarray(at))
  })
}
