import type { Clock } from '../core/ports.ts'
import type { Outbound, Receiver, ReplySink, Sending } from '../core/receiver.ts'
import type { Milliseconds } from '../core/units.ts'
import { Endpoint, type EndpointSettings } from './endpoint.ts'
import { Exchange, type ExchangeTerms } from './exchange.ts'

export interface ReceiverSettings extends EndpointSettings {
  readonly name: string
  /** `http://…`, `https://…` or `unix:/path`; tried in turn. Never empty. */
  readonly urls: readonly string[]
  /** The most that one delivery may take, from connecting to the last byte of the answer. */
  readonly timeout: Milliseconds
  /** After so many failures in a row a URL is left alone for `retryAfter`, as long as another one is not. */
  readonly unhealthyAfter: number
  readonly retryAfter: Milliseconds
}

/**
 * A receiver behind HTTP/1.1 with keep-alive. A delivery is sent once: another URL is tried only where not one byte of
 * it was written, since nobody can know what a receiver did with a request whose answer got lost. The reasons of failure
 * are those of `core/receiver.ts`.
 */
export function httpReceiver(settings: ReceiverSettings, clock: Clock): Receiver {
  const endpoints = settings.urls.map((url) => new Endpoint(url, settings))
  const terms: ExchangeTerms = { ...settings, clock }
  let turn = 0
  /** The healthy ones in turn, then the others: the one that comes back first is asked first. */
  function inTurn(): readonly Endpoint[] {
    if (endpoints.length === 1) return endpoints
    const from = turn++ % endpoints.length
    const now = clock.monotonic()
    return [...endpoints.slice(from), ...endpoints.slice(0, from)].sort((a, b) => Math.max(a.restsUntil, now) - Math.max(b.restsUntil, now))
  }
  return {
    name: settings.name,
    timeout: settings.timeout,
    send(outbound: Outbound, sink: ReplySink): Sending {
      const exchange = new Exchange(outbound, sink, inTurn(), terms)
      exchange.start()
      return exchange
    },
    close: async () => {
      await Promise.all(endpoints.map((endpoint) => endpoint.close()))
    },
  }
}
