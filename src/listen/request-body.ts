import type { BodyDecoder } from '../http1/body-decoder.ts'
import type { Inbox } from './inbox.ts'

/** Where a body goes. `data` any number of times, then `end` or `broken`, and nothing after it. */
export interface BodySink {
  readonly data: (part: Buffer) => void
  readonly end: () => void
  /** The sender went away, or wrote what is no body. */
  readonly broken: () => void
}

/**
 * A request's body on its way out of the inbox. It stays there, and the sender is held, until somebody asks for it: a
 * delivery that is refused by its head has no body read.
 */
export class RequestBody {
  readonly #decoder: BodyDecoder
  readonly #inbox: Inbox
  #sink: BodySink | undefined
  #paused = false
  #broken = false
  /** The sender writes nothing more: what is in the inbox is all. */
  #isAll = false

  constructor(decoder: BodyDecoder, inbox: Inbox) {
    this.#decoder = decoder
    this.#inbox = inbox
  }

  /** Every byte of it was read. */
  get isOver(): boolean {
    return this.#decoder.isOver
  }

  /** Somebody reads it and is not behind. */
  get isFlowing(): boolean {
    return this.#sink !== undefined && !this.#paused
  }

  /** To be called once. */
  flowTo(sink: BodySink): void {
    this.#sink = sink
    if (this.#broken) return sink.broken()
    if (this.isOver) return sink.end()
    this.arrived()
  }

  /** Nothing more comes than what came. */
  arrivedAll(): void {
    this.#isAll = true
    this.arrived()
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.arrived()
  }

  /** There may be more in the inbox. */
  arrived(): void {
    const sink = this.#sink
    if (sink === undefined || this.#paused || this.isOver || this.#broken) return
    const taken = this.#decoder.take(this.#inbox.bytes, (part) => sink.data(part))
    if (taken === 'fault') return this.break()
    this.#inbox.drop(taken)
    if (this.isOver) sink.end()
    else if (this.#isAll && !this.#paused) this.break()
  }

  /** Nothing more comes, though it is not over. */
  break(): void {
    if (this.#broken || this.isOver) return
    this.#broken = true
    this.#inbox.clear()
    this.#sink?.broken()
  }

  /** Reads past it without a look, where nobody else reads it. True where all of it is there. */
  skip(): boolean {
    if (!this.isOver && !this.#broken && this.#sink === undefined) this.flowTo(nowhere)
    return this.isOver
  }
}

const nowhere: BodySink = { data: () => undefined, end: () => undefined, broken: () => undefined }
