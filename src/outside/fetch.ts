import type { Fetch } from '../core/ports.ts'
import type { Bytes } from '../core/units.ts'
import { readBytes, type FetchOptions } from './exchange.ts'

/** Fetches over https, with the server's certificate verified. A connection is not kept: hours lie between two questions. */
export function makeFetch({ ca }: FetchOptions = {}): Fetch {
  return async (url, cap, timeout) => {
    if (new URL(url).protocol !== 'https:') throw new Error('only https is fetched')
    const { Agent, request } = await import('undici')
    const agent = new Agent({ pipelining: 0, connect: { ...(ca === undefined ? {} : { ca }), timeout } })
    try {
      const options = { dispatcher: agent, signal: AbortSignal.timeout(timeout), headers: { accept: 'application/json, text/plain' } }
      const { statusCode, body } = await request(url, options)
      if (statusCode !== 200) throw new Error(`the answer is ${statusCode}`)
      return await readText(body, cap)
    } finally {
      await agent.destroy()
    }
  }
}

/** Rejects for what is no UTF-8. */
async function readText(body: AsyncIterable<Uint8Array>, cap: Bytes): Promise<string> {
  return new TextDecoder('utf-8', { fatal: true }).decode(await readBytes(body, cap))
}
