import { Headers } from '../../../src/core/headers.ts'
import type { Verifiable } from '../../../src/schemes/reading.ts'
import type { SchemeKeys } from '../../../src/schemes/scheme-keys.ts'
import { written } from '../vectors.ts'
import { senders } from './index.ts'
import { makeKey, type Key, type Parcel } from './parcel.ts'
import type { Sender } from './shapes.ts'

/** The URL as the senders know it. */
export const publicUrl = 'https://hooks.example.com/in'

/** A delivery of an independent sender on its way in, with what the operator configured. */
export interface Posted {
  readonly sender: Sender
  readonly key: Key
  readonly delivery: Verifiable
  readonly keys: Partial<SchemeKeys>
}

export interface Contents {
  readonly key?: Key
  readonly wrongly?: boolean
  /** JSON somewhere inside the body. */
  readonly text?: string
  /** The whole body. */
  readonly whole?: string
  readonly at?: number
}

/** Undefined: nobody is known by this name. */
export function post(name: string, { key: given, wrongly = false, text = '{"b":"ü"}', whole, at = 1_767_225_600_123 }: Contents = {}): Posted | undefined {
  const sender = senders[name]
  if (sender === undefined) return undefined
  const key = given ?? makeKey(sender.key)
  const blank: Parcel = { method: 'POST', url: publicUrl, body: Buffer.alloc(0), at, id: '2b1a-1f', keyId: 'key-1', key, wrongly }
  const body = Buffer.from(sender.body?.(blank) ?? whole ?? `{"id":"evt_1","data":${text}}`)
  const lines = Object.entries(sender.sign({ ...blank, body }))
  const query = lines.filter(([line]) => line.startsWith('?')).map(([line, value]) => `${line.slice(1)}=${encodeURIComponent(value)}`)
  const headers = lines.filter(([line]) => !line.startsWith('?')).flat()
  return {
    sender, key, keys: keysOf(key),
    delivery: {
      method: 'POST', path: '/in', query: query.length === 0 ? undefined : query.join('&'), body, at,
      headers: new Headers(['Content-Type', 'application/json', ...headers]),
    },
  }
}

/** As the operator configures it, under the name that the sender has for it. */
export function keysOf(...keys: readonly Key[]): Partial<SchemeKeys> {
  const list = written(keys.map((key) => key.written), 'key-1')
  return keys[0]?.kind === 'public' ? { keys: list } : { secrets: list }
}
