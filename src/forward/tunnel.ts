import type { Socket } from 'node:net'
import type { Cancel, Clock } from '../core/ports.ts'
import type { Bytes, Milliseconds } from '../core/units.ts'

/**
 * Why a tunnel ended. `sender`, `receiver`: who said goodbye first · `…-broke`: who broke off · `idle`: nothing moved for too
 * long · the others: we cut it.
 */
export type TunnelEnd = 'sender' | 'receiver' | 'sender-broke' | 'receiver-broke' | 'idle' | Cut
/** `age`: the connection is older than it may become · `certificate`: trust in it is gone · `drain`: the gateway ends. */
export type Cut = 'age' | 'certificate' | 'drain'

export interface Tunnelled {
  /** From the sender to the receiver. */
  readonly bytes: Bytes
  /** From the receiver to the sender. */
  readonly bytesBack: Bytes
  readonly ended: TunnelEnd
}

export interface TunnelRules {
  readonly clock: Clock
  /** For so long nothing may move, either way. */
  readonly idle: Milliseconds
}

/**
 * Two connections joined, at the pace of the slower side. Each direction ends by itself: who has said all may still listen. One
 * that breaks takes the other with it.
 */
export class Tunnel {
  readonly #sender: Socket
  readonly #receiver: Socket
  readonly #rules: TunnelRules
  readonly #resolve: (tunnelled: Tunnelled) => void
  #bytes: Bytes = 0
  #bytesBack: Bytes = 0
  #movedAt: Milliseconds
  #ended: TunnelEnd | undefined
  #open = 2
  #stopWatch: Cancel = () => {}

  private constructor(sender: Socket, receiver: Socket, rules: TunnelRules, resolve: (tunnelled: Tunnelled) => void) {
    this.#sender = sender
    this.#receiver = receiver
    this.#rules = rules
    this.#resolve = resolve
    this.#movedAt = rules.clock.monotonic()
  }

  /** Joins them at once; `over` is called once, when both are closed. */
  static join(sender: Socket, receiver: Socket, rules: TunnelRules, over: (tunnelled: Tunnelled) => void): Tunnel {
    const tunnel = new Tunnel(sender, receiver, rules, over)
    tunnel.#follow(sender, 'sender', (count) => { tunnel.#bytes += count })
    tunnel.#follow(receiver, 'receiver', (count) => { tunnel.#bytesBack += count })
    sender.pipe(receiver)
    receiver.pipe(sender)
    tunnel.#watch()
    return tunnel
  }

  /** Ends both connections now. */
  cut(why: TunnelEnd): void {
    this.#ended ??= why
    this.#sender.destroy()
    this.#receiver.destroy()
  }

  #follow(side: Socket, name: 'sender' | 'receiver', count: (bytes: Bytes) => void): void {
    side.allowHalfOpen = true
    side.on('data', (chunk: Uint8Array) => {
      count(chunk.length)
      this.#movedAt = this.#rules.clock.monotonic()
    })
    side.once('end', () => { this.#ended ??= name })
    side.on('error', () => this.#broke(name))
    side.once('close', () => {
      if (!side.readableEnded || !side.writableFinished) this.#broke(name)
      this.#open -= 1
      if (this.#open === 0) this.#close()
    })
    if (side.destroyed) this.#broke(name)
  }

  /** Who said goodbye and then broke off has broken off. */
  #broke(name: 'sender' | 'receiver'): void {
    const isGoodbye = this.#ended === 'sender' || this.#ended === 'receiver'
    if (this.#ended === undefined || isGoodbye) this.#ended = `${name}-broke`
    this.cut(this.#ended)
  }

  /** Sleeps until it would be idle if nothing moved any more, and then looks again. */
  #watch(): void {
    const left = this.#movedAt + this.#rules.idle - this.#rules.clock.monotonic()
    if (left <= 0) return this.cut('idle')
    this.#stopWatch = this.#rules.clock.after(left, () => this.#watch())
  }

  #close(): void {
    this.#stopWatch()
    this.#resolve({ bytes: this.#bytes, bytesBack: this.#bytesBack, ended: this.#ended ?? 'sender' })
  }
}
