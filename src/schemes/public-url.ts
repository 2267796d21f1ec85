import { utf8 } from './encoding.ts'

/**
 * The URL as the sender knows it. It is configured, never taken from a header: behind a proxy the request does not know
 * its scheme, host and port, and a sender's `X-Forwarded-Host` would choose what is verified.
 */
export interface PublicUrl {
  /** Host and port, as configured. */
  readonly host: string
  /** The URL without query, for a request path. */
  readonly base: (path: string) => string
  /** The whole URL; undefined where the request's query is not the one that was configured. */
  readonly whole: (path: string, query: string | undefined) => string | undefined
}

/**
 * `https://hooks.example.com/twilio`: this URL, with the request's query. `…/twilio?token=1`: this URL with this query and
 * no other. `https://hooks.example.com/*`: the request's path and query put behind it. Undefined: not a URL of that kind.
 */
export function parsePublicUrl(text: string): PublicUrl | undefined {
  if (!/^https?:\/\/[^/?#\s]+/i.test(text) || /[#\s]/.test(text) || !URL.canParse(text)) return undefined
  const url = utf8(text)
  const host = url.slice(url.indexOf('//') + 2).split(/[/?]/, 1)[0] as string
  const mark = url.indexOf('?')
  if (mark !== -1) return fixed(host, url, mark)
  if (!url.endsWith('/*')) return growing(host, () => url)
  const prefix = url.slice(0, -2)
  return growing(host, (path) => prefix + path)
}

function fixed(host: string, url: string, mark: number): PublicUrl {
  const base = url.slice(0, mark)
  const only = url.slice(mark + 1)
  return { host, base: () => base, whole: (_, query) => (query === only ? url : undefined) }
}

function growing(host: string, base: (path: string) => string): PublicUrl {
  return { host, base, whole: (path, query) => (query === undefined ? base(path) : `${base(path)}?${query}`) }
}
