import { ChunkedBody } from './chunked-body.ts'
import { SizedBody } from './sized-body.ts'

/** Finds the bytes of one body in what comes over a connection, and where it ends. Holds none of them. */
export interface BodyDecoder {
  /** No byte of it is still to come. */
  readonly isOver: boolean
  /**
   * Gives the body's bytes that `bytes` begins with to `data`, in order, as parts of `bytes`. Answers how many bytes it took,
   * framing included: all of them until it is over. After `fault` nobody can say where the body ends.
   */
  readonly take: (bytes: Buffer, data: (part: Buffer) => void) => number | 'fault'
}

/**
 * How a message with a body says where it ends (RFC 9112 §6): so many bytes, in chunks, or, for what follows a response
 * alone, with the connection. `unclear`: it says two things, or something else.
 */
export type Framing = number | 'chunked' | 'unsaid' | 'unclear'

/** `unsaid` counts as no body. `trailers`: how many bytes of them are read, to be dropped. */
export function decoderOf(framing: number | 'chunked' | 'unsaid', trailers: number): BodyDecoder {
  if (framing === 'chunked') return new ChunkedBody(trailers)
  return framing === 'unsaid' || framing === 0 ? noBody : new SizedBody(framing)
}

const noBody: BodyDecoder = { isOver: true, take: () => 0 }
