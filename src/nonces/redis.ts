import type { KeptSecrets } from '../core/kept.ts'
import { StoreUnavailable, type Claimed, type Committed, type Found, type InFlight, type Nonce, type Outcome } from '../core/nonce.ts'
import type { Clock, Random } from '../core/ports.ts'
import type { StorePlan } from '../core/store-plan.ts'
import type { Milliseconds } from '../core/units.ts'
import type { SharedStore } from './local.ts'
import { redisKept } from './kept-redis.ts'
import { parseRedisAddress } from './redis-address.ts'
import { makeScript, RedisLink, type Reply } from './redis-link.ts'
import { SettledOnce } from './settled-once.ts'

/*
 * A nonce is one key, which Redis lets expire by itself: `c` and the owner's token for as long as its lease, or `d`, the
 * status and the print until the end. Every step of the state machine is one script on that one key, so it is atomic
 * for everyone, and a cluster can put each nonce where it likes.
 */

const claimScript = makeScript(`
local held = redis.call('GET', KEYS[1])
if held then return held end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ''`)

const findScript = makeScript(`return redis.call('GET', KEYS[1]) or ''`)

const commitScript = makeScript(`
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`)

const releaseScript = makeScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
return 1`)

export interface RedisStoreTools { readonly clock: Clock; readonly random: Random }

/** `redis://` and `rediss://`: one memory for the gateways of several machines. Throws `StoreMistake`. */
export async function redisStore(plan: StorePlan, { clock, random }: RedisStoreTools): Promise<RedisStore> {
  const address = parseRedisAddress(plan.url)
  const link = await RedisLink.open(address, plan, clock)
  return new RedisStore(link, address.prefix, Buffer.from(random.bytes(12)).toString('base64url'), clock)
}

export class RedisStore implements SharedStore {
  readonly kept: KeptSecrets
  readonly #link: RedisLink
  readonly #prefix: string
  /** Nobody else's tokens begin like this. */
  readonly #owner: string
  readonly #clock: Clock
  #claims = 0
  #open = 0
  #closing: Promise<void> | undefined
  #whenSettled: (() => void) | undefined

  constructor(link: RedisLink, prefix: string, owner: string, clock: Clock) {
    this.#link = link
    this.kept = redisKept(link, prefix)
    this.#prefix = prefix
    this.#owner = owner
    this.#clock = clock
  }

  get isReachable(): boolean {
    return this.#link.isSound
  }

  async claim(nonce: Nonce, lease: Milliseconds): Promise<Claimed> {
    if (this.#closing !== undefined) throw new StoreUnavailable('the nonce store is closed')
    const key = this.#prefix + short(nonce.key)
    const token = `c${this.#owner}${(this.#claims++).toString(36)}`
    const held = await this.#link.run(claimScript, key, [token, lease], (reply) => {
      if (reply === '') this.#giveBack(key, token)
    })
    if (held !== '') return readHeld(held, nonce)
    this.#open++
    return new RedisClaim(this, key, token, nonce)
  }

  async find(nonce: Nonce): Promise<Found> {
    if (this.#closing !== undefined) throw new StoreUnavailable('the nonce store is closed')
    const held = await this.#link.run(findScript, this.#prefix + short(nonce.key), [])
    const found = held === '' ? { state: 'in-flight' } as const : readHeld(held, nonce)
    return found.state === 'committed' ? found : { state: 'unknown' }
  }

  async commit(key: string, token: string, nonce: Nonce, outcome: Outcome): Promise<boolean> {
    return await this.#settle(this.#link.run(commitScript, key, [token, ...this.#commitValues(nonce, outcome)]))
  }

  async release(key: string, token: string): Promise<boolean> {
    return await this.#settle(this.#link.run(releaseScript, key, [token]))
  }

  /** Keeps a nonce that nobody has; who has it keeps it. */
  async remember(nonce: Nonce, outcome: Outcome): Promise<void> {
    await this.#link.run(commitScript, this.#prefix + short(nonce.key), ['', ...this.#commitValues(nonce, outcome)])
  }

  /** Nothing new is claimed; what is claimed may still be settled, for as long as the gateway drains. */
  close(): Promise<void> {
    this.#closing ??= new Promise<void>((resolve) => {
      this.#whenSettled = resolve
      if (this.#open === 0) resolve()
    }).then(() => this.#link.close())
    return this.#closing
  }

  /** We said that we cannot know, and Redis did it after all: nobody is to wait for our lease. Where that fails, they wait. */
  #giveBack(key: string, token: string): void {
    this.#link.run(releaseScript, key, [token]).catch(() => undefined)
  }

  #commitValues(nonce: Nonce, { status, until }: Outcome): [string, number] {
    return [`d${status}${short(nonce.print)}`, Math.max(1, Math.ceil(until - this.#clock.now()))]
  }

  async #settle(run: Promise<Reply>): Promise<boolean> {
    try {
      return await run === 1
    } finally {
      if (--this.#open === 0) this.#whenSettled?.()
    }
  }
}

class RedisClaim extends SettledOnce<Promise<boolean>> {
  readonly #store: RedisStore
  readonly #key: string
  readonly #token: string
  readonly #nonce: Nonce

  constructor(store: RedisStore, key: string, token: string, nonce: Nonce) {
    super()
    this.#store = store
    this.#key = key
    this.#token = token
    this.#nonce = nonce
  }

  protected override keep(outcome: Outcome): Promise<boolean> {
    return this.#store.commit(this.#key, this.#token, this.#nonce, outcome)
  }

  protected override giveBack(): Promise<boolean> {
    return this.#store.release(this.#key, this.#token)
  }
}

function readHeld(held: Reply, nonce: Nonce): InFlight | Committed {
  if (typeof held !== 'string' || !/^(c|d[1-9]\d\d)/.test(held)) throw new StoreUnavailable('Redis holds something else under this key')
  if (held.startsWith('c')) return { state: 'in-flight' }
  return { state: 'committed', status: Number(held.slice(1, 4)), material: held.slice(4) === short(nonce.print) ? 'same' : 'other' }
}

function short(hash: Uint8Array): string {
  return Buffer.from(hash.buffer, hash.byteOffset, 16).toString('base64url')
}
