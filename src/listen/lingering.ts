import type { TLSSocket } from 'node:tls'
import type { Cancel, Clock } from '../core/ports.ts'
import type { Bytes, Milliseconds } from '../core/units.ts'
import type { Inbox } from './inbox.ts'
import type { RequestBody } from './request-body.ts'

/** How long and how much is still taken from a sender that is writing while its answer closes the connection. */
const [longest, most]: [Milliseconds, Bytes] = [2_000, 4 * 1024 * 1024]

/**
 * The end of a connection behind its last answer. What the sender is still writing is taken for a while and thrown away: with
 * unread bytes the system would reset the connection, and the sender would see the reset in place of the answer.
 */
export class Lingering {
  readonly #socket: TLSSocket
  readonly #inbox: Inbox
  readonly #body: RequestBody | undefined
  readonly stop: Cancel
  #taken: Bytes = 0
  #isEnough = false

  /** `body` is what is still being written; undefined where nobody knows its end. */
  constructor({ socket, inbox, body, clock }: { readonly socket: TLSSocket; readonly inbox: Inbox; readonly body: RequestBody | undefined; readonly clock: Clock }) {
    this.#socket = socket
    this.#inbox = inbox
    this.#body = body
    inbox.clear()
    socket.end().resume()
    this.stop = clock.after(longest, () => socket.destroy())
  }

  /** Takes what came, until it is the end of the body, or too much. */
  take(chunk: Buffer): void {
    if (this.#isEnough) return
    this.#taken += chunk.length
    this.#inbox.add(chunk)
    this.#body?.arrived()
    this.#inbox.clear()
    this.#isEnough = this.#taken > most || this.#body?.isOver === true
    // Once: each time it waits for the last write anew.
    if (this.#isEnough) this.#socket.destroySoon()
  }
}
