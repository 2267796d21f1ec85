import type { Socket } from 'node:net'
import type { Address } from '../core/delivery.ts'
import { LinkedList, type Linked } from '../core/linked.ts'
import type { Cancel, Clock } from '../core/ports.ts'
import type { Milliseconds } from '../core/units.ts'
import type { Connections, Place } from './connections.ts'
import type { Drop } from './drop.ts'
import { forsake } from './gone.ts'
import { takeProxyHeader, type ProxyOutcome } from './proxy-header.ts'
import type { SourceRules } from './source.ts'

export interface EntranceParts {
  readonly clock: Clock
  readonly connections: Connections
  readonly addressOf: (remote: string | undefined) => Address | undefined
  /** Could any route admit this address? */
  readonly admits: (from: Address) => boolean
  readonly dropped: (drop: Drop) => void
}

/** Kept on the socket itself: a `WeakMap` with an entry for each costs every collection of the garbage. */
const entered = Symbol('entered')
interface Inside extends Socket { [entered]?: Entered | undefined }

/** A connection that may begin its handshake. */
export interface Entered {
  readonly from: Address
  /** The handshake is over, one way or the other; nothing is known of the socket any more. */
  readonly arrived: () => void
  /** Did the sender write anything of its own? A balancer that looks whether we live does not. */
  readonly hasSpoken: () => boolean
}

/**
 * What happens between an accepted socket and its handshake: is there a place, who is there (a PROXY header may have to
 * tell), has that address too many connections, and could any route admit it. Whoever is turned away here costs no
 * handshake. One deadline holds for all of it, the handshake included, however slowly the bytes drip in.
 */
export class Entrance {
  readonly #parts: EntranceParts
  readonly #inside = new LinkedList<Visitor>()

  constructor(parts: EntranceParts) {
    this.#parts = parts
  }

  /** Calls `onward` once where the connection may go on, at once where nothing has to be waited for. */
  enter(socket: Socket, rules: SourceRules, deadline: Milliseconds, onward: () => void): void {
    socket.on('error', ignore)
    const peer = this.#parts.addressOf(socket.remoteAddress)
    if (peer === undefined) return void socket.destroy()
    const place = this.#parts.connections.enter()
    if (place === 'overloaded') return this.#turnAway(socket, { from: peer, reason: place, facts: {} })
    const passing = { socket, place, rules, onward }
    if (rules.mustProxy(peer) !== undefined) return this.#awaitHeader(passing, peer, deadline)
    const cancel = this.#limit(deadline, () => this.#late(socket, peer))
    this.#follow(passing, cancel)
    this.#settle(passing, { from: peer, headerLength: 0 }, cancel)
  }

  /** What is known of a socket that went onward; undefined once it has arrived, or was turned away, and recorded, for being late. */
  known(socket: Socket | undefined): Entered | undefined {
    return (socket as Inside | undefined)?.[entered]
  }

  /** Breaks every connection that came in, and is still open. */
  destroy(): void {
    for (const { socket } of this.#inside.all()) socket.destroy()
  }

  /** One listener for all that is to be done once it is gone. */
  #follow({ socket, place }: Passing, cancel: Cancel): void {
    const visitor = new Visitor(socket)
    this.#inside.append(visitor)
    socket.on('close', () => {
      this.#inside.remove(visitor)
      place.leave()
      cancel()
      forsake(socket)
    })
  }

  #awaitHeader(passing: Passing, peer: Address, deadline: Milliseconds): void {
    const { socket } = passing
    let from: Address | undefined
    const cancel = this.#limit(deadline, () => {
      if (from !== undefined) return this.#late(socket, from)
      taking.stop()
      this.#refuseHeader(socket, peer, 'the header did not come in time')
    })
    this.#follow(passing, cancel)
    const taking = takeProxyHeader(socket, (outcome: ProxyOutcome) => {
      if (outcome.state === 'header') {
        from = outcome.source ?? peer
        return this.#settle(passing, { from, headerLength: outcome.length }, cancel)
      }
      cancel()
      if (outcome.state === 'silent') return void socket.destroy()
      this.#refuseHeader(socket, peer, outcome.why)
    })
  }

  #settle({ socket, place, rules, onward }: Passing, { from, headerLength }: Told, cancel: Cancel): void {
    const reason = this.#judge(place, rules, from)
    if (reason !== undefined) {
      cancel()
      return this.#turnAway(socket, { from, reason, facts: {} })
    }
    const inside: Inside = socket
    const hasSpoken = (): boolean => socket.bytesRead > headerLength
    const arrived = (): void => {
      cancel()
      inside[entered] = undefined
    }
    inside[entered] = { from, arrived, hasSpoken }
    onward()
  }

  /** A peer that speaks for many by a header is counted as nobody, and who it speaks for is asked when the header is there. */
  #judge(place: Place, rules: SourceRules, from: Address): Drop['reason'] | undefined {
    if (rules.writesHeader(from) !== undefined) return undefined
    if (!this.#parts.admits(from)) return 'source-not-allowed'
    const counted = place.settle(from)
    return counted === 'admitted' ? undefined : counted
  }

  #limit(deadline: Milliseconds, late: () => void): Cancel {
    return this.#parts.clock.after(deadline, late)
  }

  #late(socket: Socket, from: Address): void {
    const inside: Inside = socket
    inside[entered] = undefined
    this.#turnAway(socket, { from, reason: 'handshake-failed', facts: { error: 'the handshake was not over in time' } })
  }

  #refuseHeader(socket: Socket, peer: Address, why: string): void {
    this.#turnAway(socket, { from: peer, reason: 'proxy-header-invalid', facts: { why } })
  }

  #turnAway(socket: Socket, drop: Omit<Drop, 'certificate'>): void {
    this.#parts.dropped({ ...drop, certificate: undefined })
    socket.destroy()
  }
}

/** A connection that is open. */
class Visitor implements Linked<Visitor> {
  before: Visitor | undefined
  after: Visitor | undefined
  readonly socket: Socket

  constructor(socket: Socket) {
    this.socket = socket
  }
}

/** A connection on its way in. */
interface Passing {
  readonly socket: Socket
  readonly place: Place
  readonly rules: SourceRules
  readonly onward: () => void
}

/** Who is there, and how many bytes it took to say so. */
interface Told { readonly from: Address; readonly headerLength: number }

/** News of a broken connection come by `close`. */
function ignore(): void {}
