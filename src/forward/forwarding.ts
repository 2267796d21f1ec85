import type { Decision } from '../core/decide.ts'
import { storeReasons } from '../core/nonce.ts'
import type { Clock } from '../core/ports.ts'
import type { ReplyWriter } from '../core/reply.ts'
import { receiverReasons, type Outbound, type Receiver, type ReceiverReason, type ReplySink, type Sending } from '../core/receiver.ts'
import type { Milliseconds } from '../core/units.ts'
import type { Facts, ReasonRow } from '../core/verdict.ts'

/** A decided delivery, ready to go in. */
export interface Forwarding {
  readonly receiver: Receiver
  readonly outbound: Outbound
  readonly decision: Decision
  readonly reply: ReplyWriter
  /** Further header lines for the sender: name, value … */
  readonly replyHeaders: readonly string[]
  readonly clock: Clock
}

/** What came of it. */
export interface Forwarded {
  /** What the sender was told, or would have been, were it still there. */
  readonly status: number
  readonly nonce: 'committed' | 'released' | 'lost' | undefined
  readonly storeTime: Milliseconds
  /** Where there is one and no head was sent yet, the sender is still to be told. */
  readonly failure: Failure | undefined
}

export interface Failure { readonly reason: string; readonly row: ReasonRow; readonly facts: Facts }

/**
 * Sends a delivery in, settles its nonce by the receiver's status, and hands the reply back. A 2xx is committed before
 * the sender sees it; everything else releases, so that an honest retry gets through. Where a commit cannot be kept
 * the sender is not told 2xx: it comes again, which is better than a replay that gets through. `done` is called once.
 */
export function forwardDelivery(forwarding: Forwarding, done: (forwarded: Forwarded) => void): void {
  const reply = new ReplyToSender(forwarding, done)
  reply.sending = forwarding.receiver.send(forwarding.outbound, reply)
}

class ReplyToSender implements ReplySink {
  sending: Sending | undefined
  readonly #forwarding: Forwarding
  readonly #done: (forwarded: Forwarded) => void
  #status = 0
  #nonce: Forwarded['nonce']
  #storeTime: Milliseconds = 0
  /** The first chunk waits for the next event, so that head and a short body leave in one write. */
  #held: Uint8Array | undefined
  #isOver = false

  constructor(forwarding: Forwarding, done: (forwarded: Forwarded) => void) {
    this.#forwarding = forwarding
    this.#done = done
  }

  head(status: number, headers: readonly string[]): 'go-on' | 'wait' {
    this.#status = status
    const settled = this.#settle(status)
    if (!(settled instanceof Promise)) return settled === 'kept' ? this.#writeHead(headers) : this.#giveUp()
    void settled.then((outcome) => {
      if (outcome === 'kept') this.#writeHead(headers)
      else this.#giveUp()
      this.sending?.resume()
    })
    return 'wait'
  }

  data(chunk: Uint8Array): 'go-on' | 'wait' {
    const { reply } = this.#forwarding
    const held = this.#held
    this.#held = chunk
    if (held === undefined || reply.write(held)) return 'go-on'
    reply.onDrain(() => this.sending?.resume())
    return 'wait'
  }

  end(): void {
    this.#finish(undefined)
    this.#forwarding.reply.end(this.#held)
  }

  failed(reason: ReceiverReason, facts: Facts): void {
    if (this.#status !== 0) {
      this.#finish({ reason, row: receiverReasons[reason], facts })
      return this.#forwarding.reply.abort()
    }
    this.#status = receiverReasons[reason].status
    const released = this.#settle(this.#status)
    const finish = (): void => this.#finish({ reason, row: receiverReasons[reason], facts })
    if (released instanceof Promise) void released.then(finish)
    else finish()
  }

  #writeHead(headers: readonly string[]): 'go-on' {
    const { reply, replyHeaders } = this.#forwarding
    reply.writeHead(this.#status, [...headers, ...replyHeaders])
    reply.whenOver(() => this.#left())
    return 'go-on'
  }

  /** The sender is gone: nobody would ever take what the receiver still has to say, and its connection would wait for that. */
  #left(): void {
    if (this.#isOver) return
    this.sending?.abort()
    this.#finish(undefined)
  }

  /** The receiver accepted, and we cannot keep it: no 2xx for the sender. */
  #giveUp(): 'go-on' {
    this.sending?.abort()
    this.#status = storeReasons['store-unavailable'].status
    this.#finish({ reason: 'store-unavailable', row: storeReasons['store-unavailable'], facts: { after: 'receiver' } })
    return 'go-on'
  }

  #finish(failure: Failure | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#done({ status: this.#status, nonce: this.#nonce, storeTime: this.#storeTime, failure })
  }

  #settle(status: number): 'kept' | 'not-kept' | Promise<'kept' | 'not-kept'> {
    const { claim, until } = this.#forwarding.decision
    if (claim === undefined) return 'kept'
    const started = this.#forwarding.clock.monotonic()
    const accepted = status >= 200 && status < 300
    const settled = (ours: boolean): 'kept' | 'not-kept' => {
      this.#storeTime += this.#forwarding.clock.monotonic() - started
      this.#nonce = !ours ? 'lost' : accepted ? 'committed' : 'released'
      // A lost commit is no promise to the sender: whoever took over may yet release, and a retry be forwarded.
      return accepted && !ours ? 'not-kept' : 'kept'
    }
    const failed = (): 'kept' | 'not-kept' => {
      // Whatever kept the store from answering. A release that fails costs the sender one lease, no more.
      this.#nonce = 'lost'
      return accepted ? 'not-kept' : 'kept'
    }
    try {
      const answer = accepted ? claim.commit({ status, until }) : claim.release()
      return answer instanceof Promise ? answer.then(settled, failed) : settled(answer)
    } catch {
      return failed()
    }
  }
}
