import { buildConnector, Pool, type Dispatcher } from 'undici'
import type { Outbound, ReceiverPlan, ReceiverTls } from '../core/receiver.ts'
import type { Instant, Milliseconds } from '../core/units.ts'
import { withoutInterim } from './interim.ts'

/** One URL of a receiver: its connections, and how they have been doing. */
export class Endpoint {
  /** Monotonic time until which this one is left alone. */
  restsUntil: Instant = -Infinity
  readonly #pool: Pool
  #failures = 0

  constructor(url: string, { connections, connectTimeout, tls }: ReceiverPlan) {
    const unix = url.startsWith('unix:')
    this.#pool = new Pool(unix ? 'http://localhost' : url, {
      connections,
      pipelining: 1,
      // The exchange keeps the time.
      headersTimeout: 0,
      bodyTimeout: 0,
      allowH2: false,
      connect: connector({
        timeout: connectTimeout,
        allowH2: false,
        ...(unix ? { socketPath: url.slice('unix:'.length) } : {}),
        ...tlsOptions(tls),
      }),
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

function connector(options: buildConnector.BuildOptions): buildConnector.connector {
  const connect = buildConnector(options)
  return (to, done) => {
    connect(to, (...[error, socket]) => {
      if (error === null) done(null, withoutInterim(socket))
      else done(error, null)
    })
  }
}

function tlsOptions({ ca, certificate, key, serverName }: ReceiverTls): object {
  return {
    ...(ca === undefined ? {} : { ca: [...ca] }),
    ...(certificate === undefined ? {} : { cert: certificate }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  }
}
