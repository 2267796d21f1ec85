import { AggregatorRegistry, collectDefaultMetrics, Counter, Gauge, Registry, type MetricObject } from 'prom-client'
import type { StatusTally } from '../core/ocsp.ts'
import type { Instant, Milliseconds } from '../core/units.ts'
import type { Decided } from './record.ts'

/** What is looked at when the page is asked for. */
export interface Watched {
  readonly heldBytes: () => number
  readonly connections: () => number
  readonly load: { readonly inFlight: number; readonly delay: Milliseconds }
  readonly audit: { readonly isFailing: boolean }
  readonly expiries: () => readonly { readonly kind: string; readonly name: string; readonly at: Instant }[]
  readonly feeds: () => readonly { readonly name: string; readonly age: Milliseconds | undefined; readonly ranges: number }[]
  readonly statuses: () => StatusTally
}

interface Counted { readonly route: string; readonly verdict: string; readonly reason: string; count: number }

/** What the metrics page shows. Counted in plain maps on the way of a delivery, turned into Prometheus text when asked. */
export class Metrics {
  readonly #registry = new Registry()
  /** What was counted of each route: a few rows, looked through by texts that are ours and the same each time; a key made for each delivery would cost more. */
  readonly #deliveries = new Map<string, Counted[]>()
  readonly #reloads: Counter<'result'>
  readonly #lastReload: Gauge

  constructor(state: Watched) {
    const registers = [this.#registry]
    collectDefaultMetrics({ register: this.#registry })
    const deliveries = this.#deliveries
    new Counter({
      name: 'sallyport_deliveries_total', help: 'Decisions by route, verdict and reason', labelNames: ['route', 'verdict', 'reason'], registers,
      collect() {
        this.reset()
        for (const { count, ...labels } of [...deliveries.values()].flat()) this.inc(labels, count)
      },
    })
    new Gauge({
      name: 'sallyport_body_bytes_held', help: 'Bytes held in bodies', registers,
      collect() { this.set(state.heldBytes()) },
    })
    new Gauge({
      name: 'sallyport_connections_open', help: 'Connections that are open', registers,
      collect() { this.set(state.connections()) },
    })
    new Gauge({
      name: 'sallyport_deliveries_in_flight', help: 'Deliveries that are under way', registers,
      collect() { this.set(state.load.inFlight) },
    })
    new Gauge({
      name: 'sallyport_event_loop_delay_seconds', help: 'How late the event loop is, the lesser of the last two looks', registers, aggregator: 'max',
      collect() { this.set(state.load.delay / 1_000) },
    })
    new Gauge({
      name: 'sallyport_audit_failing', help: '1 where audit records cannot be written and nothing is let in, else 0', registers, aggregator: 'max',
      collect() { this.set(state.audit.isFailing ? 1 : 0) },
    })
    new Gauge({
      name: 'sallyport_feed_age_seconds', help: 'Since when a feed of addresses is what it is', labelNames: ['feed'], registers, aggregator: 'max',
      collect() {
        this.reset()
        for (const { name, age } of state.feeds()) if (age !== undefined) this.set({ feed: name }, age / 1_000)
      },
    })
    new Gauge({
      name: 'sallyport_feed_ranges', help: 'Ranges that a feed of addresses holds', labelNames: ['feed'], registers, aggregator: 'max',
      collect() {
        this.reset()
        for (const { name, ranges } of state.feeds()) this.set({ feed: name }, ranges)
      },
    })
    new Gauge({
      name: 'sallyport_expiry_seconds', help: 'When a certificate, an authority or a revocation list expires, in seconds since 1970',
      labelNames: ['kind', 'name'], registers, aggregator: 'min',
      collect() {
        this.reset()
        // The soonest of a name comes first and stays.
        for (const { kind, name, at } of [...state.expiries()].reverse()) this.set({ kind, name }, at / 1_000)
      },
    })
    countStatuses(registers, state.statuses)
    this.#reloads = new Counter({ name: 'sallyport_reloads_total', help: 'Reloads by result', labelNames: ['result'], registers, aggregator: 'max' })
    this.#lastReload = new Gauge({ name: 'sallyport_last_reload_successful', help: '1 where the last reload was taken, else 0', registers, aggregator: 'min' })
    this.#lastReload.set(1)
  }

  /** Routes and reasons come from the configuration and the contract, never from a sender: the page cannot grow without bound. */
  count({ route = '', verdict, reason = '' }: Pick<Decided, 'route' | 'verdict' | 'reason'>): void {
    const rows = this.#deliveries.get(route) ?? []
    for (const row of rows) if (row.verdict === verdict && row.reason === reason) return void (row.count += 1)
    this.#deliveries.set(route, [...rows, { route, verdict, reason, count: 1 }])
  }

  reloaded(result: 'taken' | 'refused'): void {
    this.#reloads.inc({ result })
    this.#lastReload.set(result === 'taken' ? 1 : 0)
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  text(): Promise<string> {
    return this.#registry.metrics()
  }

  /** Everything as data, to be put on one page with what other processes counted. */
  snapshot(): Promise<readonly MetricObject[]> {
    return this.#registry.getMetricsAsJSON()
  }
}

/** What responders said. Outcomes are words of ours: the page cannot grow without bound. */
function countStatuses(registers: Registry[], tally: Watched['statuses']): void {
  new Counter({
    name: 'sallyport_ocsp_answers_total', help: 'Questions to OCSP responders, by status or by why there is none', labelNames: ['outcome'], registers,
    collect() {
      this.reset()
      for (const [outcome, count] of tally().answers) this.inc({ outcome }, count)
    },
  })
  new Counter({
    name: 'sallyport_ocsp_reused_total', help: 'How often an answer of an OCSP responder that was known already served', registers,
    collect() {
      this.reset()
      this.inc(tally().reused)
    },
  })
}

/** One page over several processes: counters are added up, of the rest each metric says how. */
export function pageOf(snapshots: readonly (readonly MetricObject[])[]): Promise<string> {
  return AggregatorRegistry.aggregate(snapshots.map((one) => [...one])).metrics()
}
