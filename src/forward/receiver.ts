import { Deadlines } from '../core/deadlines.ts'
import type { Clock } from '../core/ports.ts'
import type { Outbound, Receiver, ReceiverPlan, ReplySink, Sending } from '../core/receiver.ts'
import { Endpoint } from './endpoint.ts'
import { Exchange, type ExchangeTerms } from './exchange.ts'
import { healthiestFirst } from './health.ts'

/**
 * A receiver behind HTTP/1.1 with keep-alive. A delivery is sent once: another URL is tried only where not one byte of
 * it was written, since nobody can know what a receiver did with a request whose answer got lost. The reasons of failure
 * are those of `core/receiver.ts`.
 */
export function httpReceiver(plan: ReceiverPlan, clock: Clock): Receiver {
  const endpoints = plan.urls.map((url) => new Endpoint(url, plan, clock))
  const terms: ExchangeTerms = { ...plan, clock, deadlines: new Deadlines(plan.timeout, clock) }
  let turn = 0
  return {
    name: plan.name,
    timeout: plan.timeout,
    send(outbound: Outbound, sink: ReplySink): Sending {
      const exchange = new Exchange(outbound, sink, healthiestFirst(endpoints, turn++, clock.monotonic()), terms)
      exchange.start()
      return exchange
    },
    close: async () => {
      await Promise.all(endpoints.map((endpoint) => endpoint.close()))
    },
  }
}
