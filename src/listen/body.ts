import type { IncomingMessage, ServerResponse } from 'node:http'
import type { BodyFault } from '../core/delivery.ts'
import type { Cancel, Clock } from '../core/ports.ts'
import type { Bytes, Milliseconds } from '../core/units.ts'
import { Gathered } from './gathered.ts'

/** How bodies are read: raw, once, under a hard cap, within a time, out of one budget for all deliveries. */
export interface BodyRules {
  readonly timeout: Milliseconds
  /** The least that it brings in a second, after `settlingIn`; 0: only the time-out holds. */
  readonly rate: Bytes
  readonly clock: Clock
  readonly budget: BodyBudget
}

/** The bytes that bodies hold at one time, over all deliveries. */
export class BodyBudget {
  readonly #most: Bytes
  #held: Bytes = 0

  constructor(most: Bytes) {
    this.#most = most
  }

  /** False where it would be too much; nothing is taken then. */
  take(bytes: Bytes): boolean {
    if (this.#held + bytes > this.#most) return false
    this.#held += bytes
    return true
  }

  give(bytes: Bytes): void {
    this.#held -= bytes
  }

  get held(): Bytes {
    return this.#held
  }
}

/** A body may begin as slowly as it likes: a lost packet is not a slow sender. */
const settlingIn: Milliseconds = 5_000

const empty: Uint8Array = new Uint8Array(0)

/**
 * Reads a request's body. What it holds stays taken from the budget until `release`. A length that is announced too
 * large is refused before anything is read, and before a sender that waits for `100 Continue` is told to go on.
 */
export class BodyReader {
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  readonly #rules: BodyRules
  readonly #expectsContinue: boolean
  #gathered = new Gathered()
  #taken: Bytes = 0
  #stop: Cancel = () => {}

  constructor(request: IncomingMessage, response: ServerResponse, rules: BodyRules, expect: 'continue' | 'nothing') {
    this.#request = request
    this.#response = response
    this.#rules = rules
    this.#expectsContinue = expect === 'continue'
  }

  /** Every byte of the body, or why there is none. Never rejects. To be called once. */
  read(cap: Bytes): Uint8Array | BodyFault | Promise<Uint8Array | BodyFault> {
    const announced = announcedLength(this.#request)
    if (announced === 0) return empty
    if (announced !== undefined && announced > cap) return { fault: 'too-large' }
    if (!this.#take(announced ?? 0)) return { fault: 'overloaded' }
    if (this.#expectsContinue) this.#response.writeContinue()
    return new Promise((resolve) => this.#collect(cap, resolve))
  }

  /** Gives back what the body held. */
  release(): void {
    this.#rules.budget.give(this.#taken)
    this.#taken = 0
    this.#gathered = new Gathered()
  }

  #collect(cap: Bytes, resolve: (body: Uint8Array | BodyFault) => void): void {
    const request = this.#request
    // The listeners go with the request; to take them off one by one costs as much as to read a small body.
    let isSettled = false
    const settle = (body: Uint8Array | BodyFault): void => {
      if (isSettled) return
      isSettled = true
      this.#stop()
      if (!(body instanceof Uint8Array)) request.pause()
      resolve(body)
    }
    const onData = (chunk: Uint8Array): void => {
      const fault = isSettled ? undefined : this.#add(chunk, cap)
      if (fault !== undefined) settle(fault)
    }
    const onEnd = (): void => settle(this.#gathered.whole())
    const onBreak = (): void => settle({ fault: 'incomplete' })
    this.#watch(this.#rules.clock.monotonic(), () => settle({ fault: 'timeout' }))
    request.on('data', onData).on('end', onEnd).on('error', onBreak).on('close', onBreak)
  }

  /** Sleeps until the body would be too late or too slow if nothing more came, and then looks again. */
  #watch(started: Milliseconds, late: () => void): void {
    const { clock, timeout, rate } = this.#rules
    const slow = rate === 0 ? timeout : settlingIn + (this.#gathered.length / rate) * 1_000
    const left = started + Math.min(timeout, slow) - clock.monotonic()
    if (left <= 0) return late()
    this.#stop = clock.after(left, () => this.#watch(started, late))
  }

  #add(chunk: Uint8Array, cap: Bytes): BodyFault | undefined {
    const length = this.#gathered.length + chunk.length
    if (length > cap) return { fault: 'too-large' }
    if (length > this.#taken && !this.#take(length - this.#taken)) return { fault: 'overloaded' }
    this.#gathered.add(chunk, this.#taken)
    return undefined
  }

  #take(bytes: Bytes): boolean {
    if (!this.#rules.budget.take(bytes)) return false
    this.#taken += bytes
    return true
  }
}

/** `Content-Length` as the parser has accepted it; 0 where the request has no body; undefined where it is chunked. */
function announcedLength(request: IncomingMessage): Bytes | undefined {
  if (request.headers['transfer-encoding'] !== undefined) return undefined
  return Number(request.headers['content-length'] ?? 0)
}
