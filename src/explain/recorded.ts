import { parseCurl, type ReadFile } from './curl.ts'
import { parseHar } from './har.ts'
import { parseRawHttp } from './raw-http.ts'

/** A request that somebody wrote down. */
export interface Recorded {
  readonly method: string
  /** As on the request line. */
  readonly target: string
  /** `1.1`. */
  readonly version: string
  /** name, value, name, value … one character a byte. */
  readonly rawHeaders: readonly string[]
  readonly body: Uint8Array
  /** What looked odd about the recording; each a sentence. */
  readonly notes: readonly string[]
}

/** A recording that cannot be read. */
export interface Unreadable { readonly unreadable: string }

/** Raw HTTP, a HAR file (its first request), or a `curl` command: told apart by how they begin. `readFile` reads what a curl command names by `@file`. */
export function parseRecorded(bytes: Uint8Array, readFile: ReadFile): Recorded | Unreadable {
  const start = Buffer.from(bytes.subarray(0, 200)).toString('latin1').trimStart()
  if (start.startsWith('{')) return parseHar(Buffer.from(bytes).toString('utf8'))
  if (/^(\$ )?curl\s/.test(start)) return parseCurl(Buffer.from(bytes).toString('utf8'), readFile)
  return parseRawHttp(bytes)
}
