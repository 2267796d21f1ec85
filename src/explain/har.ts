import { z } from 'zod'
import type { Recorded, Unreadable } from './recorded.ts'

/** The part of HAR 1.2 that is read (http://www.softwareishard.com/blog/har-12-spec/). */
const har = z.object({
  log: z.object({
    entries: z.array(z.object({
      request: z.object({
        method: z.string(),
        url: z.url(),
        headers: z.array(z.object({ name: z.string(), value: z.string() })),
        postData: z.object({ text: z.string().optional(), encoding: z.string().optional() }).optional(),
      }),
    })).min(1),
  }),
})

/** The first request of a HAR file. */
export function parseHar(text: string): Recorded | Unreadable {
  const parsed = har.safeParse(parseJson(text))
  if (!parsed.success) return { unreadable: `this is no HAR file: ${z.prettifyError(parsed.error).split('\n')[0] ?? ''}` }
  const { entries } = parsed.data.log
  const [{ request: { method, url, headers, postData } }] = entries as [typeof entries[number]]
  // HTTP/2 recordings hold `:authority` and the like.
  const plain = headers.filter(({ name }) => !name.startsWith(':'))
  const { host, pathname, search } = new URL(url)
  const named = plain.some(({ name }) => name.toLowerCase() === 'host')
  return {
    method, target: pathname + search, version: '1.1',
    rawHeaders: [...(named ? [] : ['Host', host]), ...plain.flatMap(({ name, value }) => [name, latin1(value)])],
    body: Buffer.from(postData?.text ?? '', postData?.encoding === 'base64' ? 'base64' : 'utf8'),
    notes: entries.length === 1 ? [] : [`the file holds ${entries.length} requests: this is the first`],
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** UTF-8 as header values hold it: one character a byte. */
export function latin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}
