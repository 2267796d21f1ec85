import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer } from '../node-http.ts'

/** What the admin pages show. */
export interface AdminParts {
  readonly ready: () => boolean
  readonly metrics: () => Promise<string>
  readonly metricsType: string
}

type Page = (parts: AdminParts) => Promise<{ status: number; type: string; body: string }> | { status: number; type: string; body: string }

const text = 'text/plain; charset=utf-8'

/** Health and metrics, read only. A page is a function; there is nothing here that changes anything (Caddy's admin API, lessons.md). */
const pages = new Map<string, Page>([
  ['/healthz', () => ({ status: 200, type: text, body: 'ok\n' })],
  ['/readyz', ({ ready }) => (ready() ? { status: 200, type: text, body: 'ready\n' } : { status: 503, type: text, body: 'draining\n' })],
  ['/metrics', async ({ metrics, metricsType }) => ({ status: 200, type: metricsType, body: await metrics() })],
])

export class AdminServer {
  readonly #server: Server

  constructor(parts: AdminParts) {
    this.#server = createServer({ requestTimeout: 5_000, headersTimeout: 5_000, maxHeaderSize: 8_192 }, (request, response) => {
      serve(request, response, parts).catch(() => response.destroy())
    })
  }

  listen(address: { readonly host: string; readonly port: number }): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(address, () => resolve(this.#server.address() as AddressInfo))
    })
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }
}

async function serve(request: IncomingMessage, response: ServerResponse, parts: AdminParts): Promise<void> {
  const page = pages.get(request.url ?? '')
  const { status, type, body } = page === undefined ? { status: 404, type: text, body: 'not found\n' } : await page(parts)
  if (request.method !== 'GET' && request.method !== 'HEAD') return void response.writeHead(405, { allow: 'GET, HEAD' }).end()
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }).end(body)
}
