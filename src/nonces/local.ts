import type { KeptSecrets } from '../core/kept.ts'
import { StoreUnavailable, type Claim, type Claimed, type Found, type Nonce, type NonceStore, type Outcome } from '../core/nonce.ts'
import type { Clock } from '../core/ports.ts'
import type { Milliseconds } from '../core/units.ts'
import { Ledger } from './ledger.ts'
import { memoryCapacity } from './memory.ts'

/** A shared store, and a way to tell it afterwards what was accepted without it. */
export interface SharedStore extends NonceStore {
  /** Is there a connection over which it could be asked? */
  readonly isReachable: boolean
  /** Keeps a nonce that nobody has, as if it had been claimed and committed. */
  readonly remember: (nonce: Nonce, outcome: Outcome) => Promise<void>
}

/**
 * `onStoreFailure: local`: while the shared store does not answer, this process's own memory stands in. It knows what
 * this process accepted, and nothing of the other gateways: what one of them accepted gets through here once more. While
 * that lasts every record is flagged, and the shared store is told what was let in as soon as it answers.
 */
export class LocalStandIn implements NonceStore {
  /** Nothing stands in for these: a secret that another gateway cannot read is none. */
  readonly kept?: KeptSecrets
  readonly withoutStandIn: NonceStore
  readonly #shared: SharedStore
  readonly #local: Ledger
  #isAlone = false
  /** Accepted while the shared store was away: it is to know. */
  readonly #untold: { readonly nonce: Nonce; readonly outcome: Outcome }[] = []

  constructor(shared: SharedStore, clock: Clock, capacity = memoryCapacity) {
    this.#shared = shared
    this.withoutStandIn = shared
    if (shared.kept !== undefined) this.kept = shared.kept
    this.#local = new Ledger({ clock, capacity })
  }

  async claim(nonce: Nonce, lease: Milliseconds): Promise<Claimed> {
    const own = this.#claimOwn(nonce, lease)
    if (own === 'full') return await this.#shared.claim(nonce, lease)
    if (own.state !== 'claimed') return this.#isAlone ? { ...own, standIn: true } : own
    try {
      const shared = await this.#shared.claim(nonce, lease)
      this.#isAlone = false
      if (this.#untold.length > 0) void this.#tell()
      if (shared.state === 'claimed') return this.#both(own, shared, nonce)
      own.release()
      return shared
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      this.#isAlone = true
      return this.#alone(own, nonce)
    }
  }

  standsIn(): boolean {
    return this.#isAlone || !this.#shared.isReachable
  }

  /** The shared store alone knows what others accepted; nothing stands in for its word here. */
  find(nonce: Nonce): Found | Promise<Found> {
    return this.#shared.find(nonce)
  }

  /** The own memory is bounded; what it has no place for is the shared store's alone. */
  #claimOwn(nonce: Nonce, lease: Milliseconds): Claimed | 'full' {
    try {
      return this.#local.claim(nonce, lease)
    } catch (error) {
      if (error instanceof StoreUnavailable) return 'full'
      throw error
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#local.close(), this.#shared.close()])
  }

  /** Claimed here and there: both are told. A shared store that went away meanwhile is told later. */
  #both(own: Claim, shared: Claim, nonce: Nonce): Claim {
    const both: Claim & { standIn?: true } = {
      state: 'claimed',
      commit: async (outcome) => {
        try {
          if (await shared.commit(outcome)) return await own.commit(outcome)
          await own.release()
          return false
        } catch (error) {
          if (!(error instanceof StoreUnavailable)) throw error
          this.#isAlone = true
          both.standIn = true
          return await this.#commitAlone(own, nonce, outcome)
        }
      },
      release: async () => {
        await own.release()
        return await shared.release()
      },
    }
    return both
  }

  #alone(own: Claim, nonce: Nonce): Claimed {
    return {
      state: 'claimed', standIn: true,
      commit: (outcome) => this.#commitAlone(own, nonce, outcome),
      release: () => own.release(),
    }
  }

  async #commitAlone(own: Claim, nonce: Nonce, outcome: Outcome): Promise<boolean> {
    const committed = await own.commit(outcome)
    if (committed) this.#untold.push({ nonce, outcome })
    return committed
  }

  /** Tells the shared store what it missed, one after the other; what it does not take waits for the next time. */
  async #tell(): Promise<void> {
    const untold = this.#untold.splice(0)
    for (const [at, { nonce, outcome }] of untold.entries()) {
      try {
        await this.#shared.remember(nonce, outcome)
      } catch {
        // It is away again; the next claim says so.
        this.#untold.push(...untold.slice(at))
        return
      }
    }
  }
}
