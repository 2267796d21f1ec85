import { createHash } from 'node:crypto'
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { StoreUnavailable } from '../core/nonce.ts'
import type { Clock } from '../core/ports.ts'
import type { StorePlan } from '../core/store-plan.ts'
import type { Milliseconds } from '../core/units.ts'
import { StoreMistake } from './mistake.ts'
import type { RedisAddress } from './redis-address.ts'

/** A script, and the name by which a server that has seen it knows it. */
export interface Script { readonly text: string; readonly sha: string }

export function makeScript(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}

export type Reply = string | number | null

/** A connection on which nothing came for this long, though something was asked, is given up and made anew. */
const silence: Milliseconds = 1_000

/** A server that cannot keep its word. */
const evicting = 'Redis forgets live nonces when its memory is full'

/**
 * The way to a Redis. Whatever is asked is answered within the time-out or `StoreUnavailable`; nothing is queued while
 * there is no connection, nothing is sent twice, and connections come back by themselves.
 */
export class RedisLink {
  readonly #client: Redis | Cluster
  readonly #clock: Clock
  readonly #timeout: Milliseconds
  #trust: 'unknown' | 'sound' | 'evicting' = 'unknown'
  #lastError = 'no connection'

  private constructor(client: Redis | Cluster, { timeout }: StorePlan, clock: Clock) {
    this.#client = client
    this.#timeout = timeout
    this.#clock = clock
    client.on('error', (error: Error) => { this.#lastError = error.message })
    client.on('close', () => { this.#trust = 'unknown' })
    client.on('ready', () => void this.#examine())
  }

  /**
   * Connects. A server that cannot be reached is no mistake: it may come later. One that refuses the user or the
   * password, or that evicts nonces, is: throws `StoreMistake`.
   */
  static async open(address: RedisAddress, plan: StorePlan, clock: Clock): Promise<RedisLink> {
    const client = connect(address, plan)
    const link = new RedisLink(client, plan, clock)
    await Promise.race([link.#firstAnswer(), new Promise<void>((resolve) => { clock.after(silence, resolve) })])
    const mistake = link.#mistake()
    if (mistake === undefined) return link
    client.disconnect()
    throw mistake
  }

  /**
   * Runs a script on one key. One round trip; a second one where the server has not seen the script. `late` is told of a
   * reply that came after the time was up.
   */
  run(script: Script, key: string, values: readonly (string | number)[], late?: (reply: Reply) => void): Promise<Reply> {
    if (this.#trust !== 'sound') return Promise.reject(this.#unavailable())
    return this.#within(this.#evaluate(script, key, values), late)
  }

  /** Is there a connection, to a server that keeps its word? */
  get isSound(): boolean {
    return this.#trust === 'sound'
  }

  close(): void {
    this.#client.disconnect()
  }

  async #evaluate(script: Script, key: string, values: readonly (string | number)[]): Promise<Reply> {
    try {
      return await this.#client.evalsha(script.sha, 1, key, ...values) as Reply
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
      return await this.#client.eval(script.text, 1, key, ...values) as Reply
    }
  }

  #within(answer: Promise<Reply>, late?: (reply: Reply) => void): Promise<Reply> {
    return new Promise((resolve, reject) => {
      let isLate = false
      const cancel = this.#clock.after(this.#timeout, () => {
        isLate = true
        reject(new StoreUnavailable(`Redis did not answer within ${this.#timeout} ms`))
      })
      answer.then((reply) => {
        cancel()
        if (isLate) late?.(reply)
        else resolve(reply)
      }, (error: Error) => {
        cancel()
        reject(new StoreUnavailable(`Redis: ${error.message}`, { cause: error }))
      })
    })
  }

  #unavailable(): StoreUnavailable {
    if (this.#trust === 'evicting') return new StoreUnavailable(evicting)
    return new StoreUnavailable(`Redis cannot be reached: ${this.#lastError}`)
  }

  /** A server that evicts keys under pressure forgets nonces that are live. One that does not tell is believed. */
  async #examine(): Promise<void> {
    const nodes = this.#client instanceof Cluster ? this.#client.nodes('master') : [this.#client]
    const told = await Promise.all(nodes.map((node) => node.info('memory').catch(() => '')))
    this.#trust = told.some(evicts) ? 'evicting' : 'sound'
    this.#client.emit('examined')
  }

  #firstAnswer(): Promise<void> {
    return new Promise((resolve) => {
      this.#client.once('examined', resolve)
      this.#client.once('error', () => resolve())
    })
  }

  #mistake(): StoreMistake | undefined {
    if (this.#trust === 'evicting') {
      return new StoreMistake(evicting, 'set its maxmemory-policy to noeviction: it refuses then, and the gateway with it')
    }
    if (!/^(WRONGPASS|NOAUTH|NOPERM|ERR invalid password)/.test(this.#lastError)) return undefined
    return new StoreMistake(`Redis lets us not in: ${this.#lastError}`, 'look at `user:` and `password:` beside `store:`')
  }
}

function evicts(memory: string): boolean {
  const limit = /^maxmemory:(\d+)/m.exec(memory)?.[1] ?? '0'
  const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1] ?? 'noeviction'
  return limit !== '0' && policy !== 'noeviction'
}

function connect({ nodes, secure, kind, database }: RedisAddress, { user, password, tls: pem }: StorePlan): Redis | Cluster {
  const tls = secure ? { ca: pem.ca, cert: pem.certificate, key: pem.key } : undefined
  const options = {
    ...(tls === undefined ? {} : { tls }),
    ...(user === undefined ? {} : { username: user }),
    ...(password === undefined ? {} : { password }),
    db: database,
    // Nothing waits for a connection, and nothing that may have been done is done again.
    enableOfflineQueue: false, autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0,
    connectTimeout: silence, socketTimeout: silence, retryStrategy: comeAgain,
    // A server that was demoted while we were connected: find the one that may write.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
    protocol: 2, disableClientInfo: true,
  } satisfies RedisOptions
  if (kind === 'cluster') {
    return new Cluster(nodes.map((node) => ({ ...node })), {
      enableOfflineQueue: false, clusterRetryStrategy: comeAgain, slotsRefreshTimeout: silence,
      redisOptions: options,
    })
  }
  if (typeof kind === 'object') {
    return new Redis({
      ...options, sentinels: nodes.map((node) => ({ ...node })), name: kind.sentinel, sentinelRetryStrategy: comeAgain,
      ...(tls === undefined ? {} : { enableTLSForSentinelMode: true, sentinelTLS: tls }),
    })
  }
  return new Redis({ ...options, ...nodes[0] })
}

function comeAgain(times: number): Milliseconds {
  return Math.min(50 * times, 1_000)
}
