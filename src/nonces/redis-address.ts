import { StoreMistake } from './mistake.ts'

/** Where a Redis is, and of which kind. */
export interface RedisAddress {
  readonly nodes: readonly RedisNode[]
  readonly secure: boolean
  /** `single`: one server · `cluster`: any nodes of one · `{ sentinel }`: sentinels and the name that they watch. */
  readonly kind: 'single' | 'cluster' | { readonly sentinel: string }
  readonly database: number
  /** What every key begins with, so that several installations can share a server. */
  readonly prefix: string
}

export interface RedisNode { readonly host: string; readonly port: number }

const form = /^(rediss?):\/\/([^/?#@]+)(?:\/(0|[1-9][0-9]{0,4})?)?(?:\?([^#]*))?$/
const example = 'redis://host:6379, rediss://host:6379/0, redis://a:7000,b:7000?cluster, redis://a:26379,b:26379?sentinel=NAME'
const keyNames = new Set(['cluster', 'sentinel', 'prefix'])

/**
 * Text → address. Throws `StoreMistake`. A user or a password in it is refused: secrets are references, and this text is
 * printed in logs and problems.
 */
export function parseRedisAddress(text: string): RedisAddress {
  if (/^rediss?:\/\/[^/?#]*@/.test(text)) {
    throw new StoreMistake('the address of the store holds a user or password', 'write `user:` and `password: env:NAME` beside `store:`')
  }
  const [, scheme, hosts = '', database = '0', query = ''] = form.exec(text) ?? raise(text)
  const keys = new URLSearchParams(query)
  for (const name of keys.keys()) if (!keyNames.has(name)) raise(text)
  const kind = kindOf(keys, text)
  const nodes = hosts.split(',').map((host) => parseNode(host, typeof kind === 'object' ? 26379 : 6379) ?? raise(text))
  if (kind === 'single' && nodes.length > 1) {
    throw new StoreMistake('several addresses of a Redis, and not of which kind', 'add ?cluster or ?sentinel=NAME')
  }
  return { nodes, secure: scheme === 'rediss', kind, database: Number(database), prefix: keys.get('prefix') ?? 'sallyport:' }
}

function kindOf(keys: URLSearchParams, text: string): RedisAddress['kind'] {
  const sentinel = keys.get('sentinel')
  if (sentinel === null) return keys.has('cluster') ? 'cluster' : 'single'
  return sentinel === '' || keys.has('cluster') ? raise(text) : { sentinel }
}

function parseNode(text: string, usual: number): RedisNode | undefined {
  const found = /^(\[[0-9A-Fa-f:.]+\]|[^:\s]+)(?::(0|[1-9][0-9]{0,4}))?$/.exec(text)
  const port = Number(found?.[2] ?? usual)
  if (found?.[1] === undefined || port > 65535) return undefined
  return { host: found[1].replace(/^\[|\]$/g, ''), port }
}

function raise(text: string): never {
  throw new StoreMistake(`${JSON.stringify(text)} is no address of a Redis`, `write it like one of ${example}`)
}
