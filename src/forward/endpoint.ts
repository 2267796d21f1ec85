import { Pool, type Dispatcher } from 'undici'
import type { Outbound } from '../core/receiver.ts'
import type { Instant, Milliseconds } from '../core/units.ts'

export interface EndpointSettings {
  readonly connectTimeout: Milliseconds
  /** The most connections to one URL; what comes on top waits its turn, and its time runs. */
  readonly connections: number
  /** For `https://`: PEM texts. Without `ca` the public certificate authorities are trusted. */
  readonly tls?: EndpointTls
}

export interface EndpointTls {
  readonly ca?: readonly string[]
  readonly certificate?: string
  readonly key?: string
  /** The name that the receiver's certificate must have; the URL's host where left out. */
  readonly serverName?: string
}

/** One URL of a receiver: its connections, and how they have been doing. */
export class Endpoint {
  /** Monotonic time until which this one is left alone. */
  restsUntil: Instant = -Infinity
  readonly #pool: Pool
  #failures = 0

  constructor(url: string, settings: EndpointSettings) {
    const unix = url.startsWith('unix:')
    this.#pool = new Pool(unix ? 'http://localhost' : url, {
      connections: settings.connections,
      pipelining: 1,
      // The exchange keeps the time.
      headersTimeout: 0,
      bodyTimeout: 0,
      allowH2: false,
      connect: {
        timeout: settings.connectTimeout,
        ...(unix ? { socketPath: url.slice('unix:'.length) } : {}),
        ...tlsOptions(settings.tls),
      },
    })
  }

  /** Undici's call-backs in the form that gives header lines as they came, and costs least. */
  dispatch({ method, target, headers, body }: Outbound, handler: Dispatcher.DispatchHandler): void {
    this.#pool.dispatch({ method, path: target, headers: headers as string[], body: body.length === 0 ? null : body }, handler)
  }

  succeeded(): void {
    this.#failures = 0
    this.restsUntil = -Infinity
  }

  failed(now: Instant, { unhealthyAfter, retryAfter }: { readonly unhealthyAfter: number; readonly retryAfter: Milliseconds }): void {
    this.#failures++
    if (this.#failures >= unhealthyAfter) this.restsUntil = now + retryAfter
  }

  /** Lets what is under way finish. */
  async close(): Promise<void> {
    await this.#pool.close()
  }
}

function tlsOptions({ ca, certificate, key, serverName }: EndpointTls = {}): object {
  return {
    ...(ca === undefined ? {} : { ca: [...ca] }),
    ...(certificate === undefined ? {} : { cert: certificate }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  }
}
