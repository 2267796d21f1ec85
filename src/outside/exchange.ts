import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Exchange } from '../core/ports.ts'
import type { Bytes } from '../core/units.ts'

export interface FetchOptions {
  /** PEM of the authorities that are trusted; undefined: those that Node comes with. */
  readonly ca?: string
}

/** Over http, or over https with the server's certificate verified. A connection is not kept: it is rarely asked twice. */
export function makeExchange({ ca }: FetchOptions = {}): Exchange {
  return async ({ url, post, cap, signal }) => {
    if (!/^https?:$/.test(new URL(url).protocol)) throw new Error('only http and https are asked')
    const { Agent, request } = await import('undici')
    const agent = new Agent({ pipelining: 0, connect: ca === undefined ? {} : { ca } })
    try {
      const sent = post === undefined ? {} : { method: 'POST' as const, body: post.body, headers: { 'content-type': post.type } }
      const { statusCode, body } = await request(url, { dispatcher: agent, signal, ...sent })
      if (statusCode !== 200) throw new Error(`the answer is ${statusCode}`)
      return await readBytes(body, cap)
    } finally {
      await agent.destroy()
    }
  }
}

/** Reads a body whole; rejects once it passes the cap. */
export async function readBytes(body: AsyncIterable<Uint8Array>, cap: Bytes): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length > cap) throw new Error(`the answer is longer than ${cap} bytes`)
    chunks.push(chunk)
  }
  return await join(chunks, length)
}

/** So much is copied in well under a millisecond. */
const slice: Bytes = 1024 * 1024

/** In slices, between which the event loop turns: a revocation list may be of many megabytes. */
async function join(chunks: readonly Uint8Array[], length: Bytes): Promise<Uint8Array> {
  const whole = Buffer.allocUnsafeSlow(length)
  let [at, turned] = [0, 0]
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
    if (at - turned < slice) continue
    turned = at
    await nextTurn()
  }
  return whole
}
