import { Agent, request } from 'undici'
import type { Fetch } from '../core/ports.ts'
import type { Bytes } from '../core/units.ts'

export interface FetchOptions {
  /** PEM of the authorities that are trusted; undefined: those that Node comes with. */
  readonly ca?: string
}

/** Fetches over https, with the server's certificate verified. A connection is not kept: hours lie between two questions. */
export function makeFetch({ ca }: FetchOptions = {}): Fetch {
  return async (url, cap, timeout) => {
    if (new URL(url).protocol !== 'https:') throw new Error('only https is fetched')
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

async function readText(body: AsyncIterable<Uint8Array>, cap: Bytes): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length > cap) throw new Error(`the answer is longer than ${cap} bytes`)
    chunks.push(chunk)
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
}
