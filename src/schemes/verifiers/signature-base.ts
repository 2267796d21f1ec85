import { parseDictionary, parseItem, parseList, serializeDictionary, serializeInnerList, serializeItem, serializeList, type InnerList, type Item } from 'structured-headers'
import { parsePairs } from '../form.ts'
import type { PublicUrl } from '../public-url.ts'
import type { Verifiable } from '../reading.ts'

/** The string that RFC 9421 signs (section 2.5), made of what was received. */

/** Why a base cannot be made: a component that is absent, repeated, or not one of a request. */
export interface NoBase { readonly component: string }

/**
 * The names of the components that are covered whole. One member of a dictionary (`;key="sha-256"`) is not the field: the
 * others beside it could be anything.
 */
export function wholeComponents([items]: InnerList): readonly string[] {
  return items.filter(([, parameters]) => !parameters.has('key')).map(([name]) => String(name))
}

/** One line a component, and the parameters at last. Text of one character a byte. */
export function signatureBase(input: InnerList, delivery: Verifiable, url: PublicUrl | undefined): string | NoBase {
  const lines: string[] = []
  const seen = new Set<string>()
  for (const item of input[0]) {
    const identifier = serializeItem(item)
    const value = typeof item[0] === 'string' && !seen.has(identifier) ? componentValue(item, delivery, url) : undefined
    if (value === undefined || value.includes('\n')) return { component: identifier }
    seen.add(identifier)
    lines.push(`${identifier}: ${value}`)
  }
  lines.push(`"@signature-params": ${serializeInnerList(input)}`)
  return lines.join('\n')
}

/** Undefined: absent, ambiguous, or not of a request. */
function componentValue([name, parameters]: Item, delivery: Verifiable, url: PublicUrl | undefined): string | undefined {
  const known = ['name', 'key', 'sf', 'bs']
  if (typeof name !== 'string' || [...parameters.keys()].some((key) => !known.includes(key))) return undefined
  if (!name.startsWith('@')) return fieldValue(name, parameters, delivery)
  if (name === '@query-param') return queryParameter(parameters.get('name'), delivery.query)
  return parameters.size === 0 ? derivedValue(name, delivery, url) : undefined
}

function derivedValue(name: string, delivery: Verifiable, url: PublicUrl | undefined): string | undefined {
  const { method, path, query } = delivery
  const target = query === undefined ? path : `${path}?${query}`
  switch (name) {
    case '@method': return method
    case '@path': return path === '' ? '/' : path
    case '@query': return `?${query ?? ''}`
    case '@request-target': return target
    case '@authority': return authorityOf(delivery, url)
    case '@scheme': return 'https'
    case '@target-uri': return url === undefined ? `https://${authorityOf(delivery, url) ?? ''}${target}` : url.whole(path, query)
    default: return undefined
  }
}

/** Lower case, without the default port (section 2.2.3). */
function authorityOf({ headers }: Verifiable, url: PublicUrl | undefined): string | undefined {
  const host = url?.host ?? headers.one('host')
  return typeof host === 'string' ? host.toLowerCase().replace(/:443$/, '') : undefined
}

/** The values of all lines of a field (section 2.1), or one member, or a re-serialised or wrapped form of them. */
function fieldValue(name: string, parameters: Item[1], { headers }: Verifiable): string | undefined {
  const lines = headers.all(name).map((line) => line.trim())
  if (lines.length === 0 || name !== name.toLowerCase()) return undefined
  const whole = lines.join(', ')
  const [key, strict, wrapped] = [parameters.get('key'), parameters.get('sf'), parameters.get('bs')]
  if ([key, strict, wrapped].filter((one) => one !== undefined).length > 1) return undefined
  if (typeof key === 'string') return attempt(() => memberOf(whole, key))
  if (strict === true) return attempt(() => serializeDictionary(parseDictionary(whole))) ?? attempt(() => serializeList(parseList(whole))) ?? attempt(() => serializeItem(parseItem(whole)))
  if (wrapped === true) return lines.map((line) => `:${Buffer.from(line, 'latin1').toString('base64')}:`).join(', ')
  return parameters.size === 0 ? whole : undefined
}

function memberOf(text: string, key: string): string | undefined {
  const member = parseDictionary(text).get(key)
  if (member === undefined) return undefined
  return Array.isArray(member[0]) ? serializeInnerList(member as InnerList) : serializeItem(member as Item)
}

/** The parser throws for what is no structured field. */
function attempt(read: () => string | undefined): string | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** Section 2.2.8: decoded as a form, encoded anew; a name that stands there twice has no value. */
function queryParameter(name: unknown, query: string | undefined): string | undefined {
  const pairs = parsePairs(query ?? '')?.filter((pair) => encodeBytes(pair[0]) === name)
  return pairs?.length === 1 ? encodeBytes(pairs[0]?.[1] ?? '') : undefined
}

/** The percent-encode set of forms, with a blank as `%20`. */
function encodeBytes(text: string): string {
  return [...text].map((character) => (
    /[A-Za-z0-9*._-]/.test(character) ? character : `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
  )).join('')
}
