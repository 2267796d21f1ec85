import type { AddressInfo } from 'node:net'
import type { CertificateLink } from '../core/ocsp.ts'
import type { Limits, ListenerPlan } from '../core/plan.ts'
import type { SenderConnection } from './connection.ts'
import { ListenFault } from './listen-fault.ts'
import { Listener, type ListenerParts, type ListenerRules } from './listener.ts'
import { compileSource } from './source.ts'
import { dismissHolders, dismissUntrusted } from './standing.ts'
import type { TlsMaterial } from './tls.ts'

/** A listener as a configuration wants it. */
export interface Wanted { readonly plan: ListenerPlan; readonly tls: TlsMaterial }

interface Opened { readonly key: string; readonly listener: Listener; readonly bound: AddressInfo }

interface Shared extends Omit<ListenerParts, 'host' | 'port' | 'rules' | 'socket'> {
  /** Sockets that were handed over: the first listeners take them, in their order. */
  readonly sockets: readonly number[]
}

/** The open listeners, by address. A reload keeps the sockets that are still wanted and never closes one before its successor is open. */
export class ListenerSet {
  readonly #shared: Shared
  #open: readonly Opened[] = []

  constructor(shared: Shared) {
    this.#shared = shared
  }

  get addresses(): readonly AddressInfo[] {
    return this.#open.map(({ bound }) => bound)
  }

  /** Opens what is new, renews what stays, then closes what is gone. Rejects with `ListenFault`, and nothing changed, where an address cannot be had. */
  async change(wanted: readonly Wanted[], limits: Limits): Promise<void> {
    if (this.#open.length === 0) refuseSpare(this.#shared.sockets.length, wanted.length)
    const before = new Map(this.#open.map((one) => [one.key, one]))
    const fresh: Listener[] = []
    try {
      const next: Opened[] = []
      for (const [at, one] of wanted.entries()) {
        const key = `${one.plan.host} ${one.plan.port}`
        next.push(before.get(key) ?? { key, ...await this.#openOne(one, at, limits, fresh) })
      }
      const rules = wanted.map((one) => rulesOf(one, limits))
      for (const [at, one] of next.entries()) await one.listener.prepare(rules[at] as ListenerRules)
      this.#renew(rules, next, before)
      for (const old of this.#open) if (!next.includes(old)) void old.listener.stop()
      this.#open = next
    } catch (error) {
      await Promise.all(fresh.map((listener) => listener.stop()))
      throw error
    }
  }

  /** Closes connections, after the answer that is under way, whose certificate lost its trust by what came from elsewhere. */
  readonly lost = {
    listed: (): void => { void dismissUntrusted(this.#senders) },
    revoked: (link: CertificateLink): void => { void dismissHolders(this.#senders, link) },
  }

  async stop(): Promise<void> {
    await Promise.all(this.#open.map(({ listener }) => listener.stop()))
  }

  destroy(): void {
    for (const { listener } of this.#open) listener.destroy()
  }

  get #senders(): readonly SenderConnection[] {
    return this.#open.flatMap(({ listener }) => listener.senders)
  }

  async #openOne(wanted: Wanted, at: number, limits: Limits, fresh: Listener[]) {
    const { host, port } = wanted.plan
    const listener = new Listener({ ...this.#shared, host, port, rules: rulesOf(wanted, limits), socket: this.#handedOver(at) })
    const bound = await listener.listen().catch((error: unknown) => { throw new ListenFault(error, ['listeners', at, 'address']) })
    fresh.push(listener)
    if (port !== 0 && bound.port !== port) throw new ListenFault(new Error(`the socket that was handed over for it has port ${bound.port}`), ['listeners', at, 'address'])
    return { listener, bound }
  }

  /** Only the first set of listeners gets sockets that were handed over; later ones open their own. */
  #handedOver(at: number): number | undefined {
    return this.#open.length === 0 ? this.#shared.sockets[at] : undefined
  }

  #renew(rules: readonly ListenerRules[], next: readonly Opened[], before: ReadonlyMap<string, Opened>): void {
    next.forEach((one, at) => {
      const own = rules[at]
      if (own !== undefined && before.has(one.key)) one.listener.renew(own)
    })
  }
}

function rulesOf({ plan, tls }: Wanted, limits: Limits): ListenerRules {
  return { tls, source: compileSource(plan), limits }
}

function refuseSpare(sockets: number, listeners: number): void {
  if (sockets > listeners) throw new ListenFault(new Error(`${sockets} sockets were handed over for ${listeners} listeners`), ['listeners'])
}
