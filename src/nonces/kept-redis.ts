import { createHash } from 'node:crypto'
import type { KeptSecrets } from '../core/kept.ts'
import { StoreUnavailable } from '../core/nonce.ts'
import { makeScript, type RedisLink } from './redis-link.ts'

const readScript = makeScript(`
return redis.call('GET', KEYS[1]) or ''`)

const keepScript = makeScript(`
local held = redis.call('GET', KEYS[1])
if held then return held end
redis.call('SET', KEYS[1], ARGV[1])
return ARGV[1]`)

/** One key a secret, which does not expire. Redis sees the secret: whoever may read there may sign as the sender. */
export function redisKept(link: Pick<RedisLink, 'run'>, prefix: string): KeptSecrets {
  const keyOf = (name: string): string => `${prefix}secret:${createHash('sha256').update(name).digest('base64url')}`
  return {
    read: async (name) => {
      const held = await link.run(readScript, keyOf(name), [])
      if (typeof held !== 'string') throw new StoreUnavailable('Redis holds something else under this key')
      return held === '' ? undefined : Buffer.from(held, 'base64url')
    },
    keep: async (name, secret) => {
      const text = Buffer.from(secret).toString('base64url')
      return await link.run(keepScript, keyOf(name), [text]) === text
    },
  }
}
