import { lookup as systemLookup, type LookupAddress, type LookupOptions } from 'node:dns'
import { request } from 'node:https'
import ipaddr from 'ipaddr.js'
import type { Clock, FetchLimits, Get } from '../core/ports.ts'
import { request as plainRequest } from '../node-http.ts'

/**
 * Keys and certificates that stand at a URL. Where a sender's request names the URL, it is an attacker's text: so only hosts
 * that a preset lists, HTTPS on its own port, no redirects, public addresses (checked on the address that is connected to,
 * so that a name cannot change in between), bounded in size and time, and cached, failures too.
 */
export interface KeyFetcher {
  /** The bytes at this URL. Rejects with `KeyUnavailable` where it is not allowed or cannot be had: that is a fault, not a bad signature. */
  readonly fetch: (url: string, allowed: readonly HostPattern[]) => Promise<Uint8Array>
}

/**
 * An exact host, or a pattern whose `*` is one label part of letters, digits and hyphens: `sns.*.amazonaws.com`. Behind
 * `http://` it is a host that is asked without TLS: only for certificates of authorities, which a signature proves.
 */
export type HostPattern = string

export const fetchLimits: FetchLimits = { size: 64 * 1024, time: 5_000, fresh: 3_600_000, failed: 30_000, entries: 100 }

/** A key could not be had. The gateway refuses with `undecidable`: the sender may be right. */
export class KeyUnavailable extends Error {
  override readonly name = 'KeyUnavailable'
}

interface Remembered { readonly until: number; readonly bytes: Promise<Uint8Array>; readonly failed?: true }

export function createKeyFetcher(clock: Clock, get: Get = httpsGet(), limits: FetchLimits = fetchLimits): KeyFetcher {
  const memory = new Map<string, Remembered>()
  return {
    fetch(text, allowed) {
      const url = allowedUrl(text, allowed)
      if (url === undefined) return Promise.reject(new KeyUnavailable('the URL of the key is not one that this scheme allows'))
      const known = memory.get(url.href)
      if (known !== undefined && known.until > clock.monotonic()) return known.bytes
      return remember(url)
    },
  }

  function remember(url: URL): Promise<Uint8Array> {
    const bytes = get(url, limits, clock)
    memory.delete(url.href)
    memory.set(url.href, { until: clock.monotonic() + limits.fresh, bytes })
    forget(memory, limits.entries)
    bytes.catch(() => memory.set(url.href, { until: clock.monotonic() + limits.failed, bytes, failed: true }))
    return bytes
  }
}

/** Failures first: whoever names a hundred URLs that do not exist must not drive out the keys that do. */
function forget(memory: Map<string, Remembered>, most: number): void {
  for (const [url, { failed }] of memory) if (memory.size > most && failed === true) memory.delete(url)
  for (const url of memory.keys()) if (memory.size > most) memory.delete(url)
}

/** Is this URL https, without credentials, port and fragment, at a host that is listed? Undefined where it is not. */
export function allowedUrl(text: string, allowed: readonly HostPattern[]): URL | undefined {
  if (text.length > 1000 || !/^https?:\/\/[A-Za-z0-9.-]+\/[\x21-\x7e]*$/.test(text) || !URL.canParse(text)) return undefined
  const url = new URL(text)
  if (url.port !== '' || url.username !== '' || url.password !== '' || url.hash !== '') return undefined
  const host = url.protocol === 'https:' ? url.hostname : `${plain}${url.hostname}`
  return allowed.some((pattern) => isHostLike(host, pattern)) ? url : undefined
}

const plain = 'http://'

/** Path and query of a URL that is allowed; empty where it is not. A query counts: each would be another entry of the cache. */
export function targetOf(text: string, allowed: readonly HostPattern[]): string {
  const url = allowedUrl(text, allowed)
  return url === undefined ? '' : url.pathname + url.search
}

function isHostLike(host: string, pattern: HostPattern): boolean {
  const [labels, wanted] = [host.split('.'), pattern.split('.')]
  return labels.length === wanted.length && wanted.every((one, at) => (one === '*' ? /^[a-z0-9-]{1,63}$/.test(labels[at] ?? '') : one === labels[at]))
}

/** All of IPv6 that is given out for the open internet (RFC 4291 section 2.4); an IPv4 address behind zeros (`::7f00:1`) is not. */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3')

/** May a key be fetched from this address? Unicast on the open internet; never ourselves, our networks or a translator. */
export function isPublicAddress(text: string): boolean {
  if (!ipaddr.isValid(text)) return false
  const address = ipaddr.process(text)
  return address.range() === 'unicast' && (address instanceof ipaddr.IPv4 || address.match(globalUnicast))
}

/** What tests set otherwise: a CA of their own, and names that lead to this machine. */
export interface HttpsOptions {
  readonly ca?: string
  readonly port?: number
  /** For what is asked without TLS. */
  readonly plainPort?: number
  readonly lookup?: typeof systemLookup
  readonly isPublic?: (address: string) => boolean
}

export function httpsGet({ ca, port, plainPort, lookup = systemLookup, isPublic = isPublicAddress }: HttpsOptions = {}): Get {
  const guarded = guardLookup(lookup, isPublic)
  return (url, limits, clock) => new Promise((resolve, reject) => {
    const fail = (why: string) => {
      outgoing.destroy()
      reject(new KeyUnavailable(why))
    }
    const [ask, ownPort] = url.protocol === 'https:' ? [request, port] as const : [plainRequest, plainPort] as const
    const outgoing = ask(url, {
      lookup: guarded as never, agent: false, timeout: limits.time, maxHeaderSize: 16 * 1024, headers: { 'User-Agent': 'Sallyport' },
      ...(ca === undefined ? {} : { ca }), ...(ownPort === undefined ? {} : { port: ownPort }),
    })
    const cancel = clock.after(limits.time, () => fail('the key did not arrive in time'))
    outgoing.on('close', cancel)
    outgoing.on('error', (error) => reject(new KeyUnavailable('the key could not be fetched', { cause: error })))
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = []
      let size = 0
      if (response.statusCode !== 200) return fail(`the key's host answered ${response.statusCode}`)
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        chunks.push(chunk)
        if (size > limits.size) fail('the key is larger than any key')
      })
      response.on('end', () => (response.complete ? resolve(Buffer.concat(chunks)) : fail('the key broke off')))
      response.on('error', () => fail('the key broke off'))
    })
    outgoing.end()
  })
}

type Found = (error: Error | null, address: string | LookupAddress[], family?: number) => void

/** Looks a name up once and refuses it where any of its addresses is not public. */
function guardLookup(lookup: typeof systemLookup, isPublic: (address: string) => boolean) {
  return (host: string, options: LookupOptions, found: Found) => {
    lookup(host, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return found(error, [])
      if (addresses.length === 0 || !addresses.every(({ address }) => isPublic(address))) {
        return found(new Error('the name leads to an address that is not public'), [])
      }
      const [first] = addresses
      if (options.all === true) return found(null, addresses)
      return found(null, first?.address ?? '', first?.family)
    })
  }
}
