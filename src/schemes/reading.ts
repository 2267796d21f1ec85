import type { Delivery } from '../core/delivery.ts'
import { viewOf } from './encoding.ts'
import { parsePairs, type Pair } from './form.ts'
import { readJson, type JsonTree } from './json.ts'
import { boundaryOf, parseMultipart } from './multipart.ts'

/** What a scheme looks at. */
export type Verifiable = Pick<Delivery, 'method' | 'path' | 'query' | 'headers' | 'body' | 'at'>

/** One delivery while it is verified. What must be parsed is parsed when it is first asked for, and once. */
export class Reading {
  readonly delivery: Verifiable
  /** The text of the time and of the id, exactly as they were sent. */
  timestamp: string | undefined
  id: string | undefined
  keyId: string | undefined
  readonly #tree: JsonTree
  #query: readonly Pair[] | undefined | 'unread' = 'unread'
  #form: readonly Pair[] | undefined | 'unread' = 'unread'
  #json: ReturnType<typeof readJson> | undefined

  constructor(delivery: Verifiable, tree: JsonTree) {
    this.delivery = delivery
    this.#tree = tree
  }

  /** Undefined: not well formed. */
  query(): readonly Pair[] | undefined {
    if (this.#query === 'unread') this.#query = parsePairs(this.delivery.query ?? '')
    return this.#query
  }

  /** Undefined: not well formed. */
  form(): readonly Pair[] | undefined {
    if (this.#form === 'unread') this.#form = readForm(this.delivery)
    return this.#form
  }

  json(): ReturnType<typeof readJson> {
    this.#json ??= readJson(this.delivery.body, this.#tree)
    return this.#json
  }
}

/** Whatever is not said to be `multipart/form-data` is read as `application/x-www-form-urlencoded`. */
function readForm({ headers, body }: Verifiable): readonly Pair[] | undefined {
  const type = headers.one('content-type')
  if (typeof type === 'object') return undefined
  const said = type === undefined ? 'other' : boundaryOf(type)
  const text = viewOf(body).toString('latin1')
  if (said === 'other') return parsePairs(text)
  return said && parseMultipart(text, said.boundary)
}
