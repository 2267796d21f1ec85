import { mac, seconds, type KeyKind, type Parcel, type Spelling } from './parcel.ts'

/** Header lines by name; a name that begins with `?` is a parameter of the query. */
export type Lines = Readonly<Record<string, string>>

export interface Sender {
  readonly key: KeyKind
  /** What the sender adds to the delivery. */
  readonly sign: (parcel: Parcel) => Lines
  /** The body, where it is not JSON, or holds what proves it. */
  readonly body: ((parcel: Parcel) => string) | undefined
  /** Parameters of the preset. */
  readonly parameters: Readonly<Record<string, string>>
  /** What the signature covers: the bytes of the body, the form that they spell, or less. */
  readonly covers: 'body' | 'form' | 'less'
}

type Options = Partial<Sender>

export function sender(sign: Sender['sign'], options: Options = {}): Sender {
  return { key: 'text', sign, body: undefined, parameters: {}, covers: 'body', ...options }
}

interface Mac { readonly hash?: string; readonly as?: Spelling; readonly before?: string; readonly key?: KeyKind }

/** HMAC of the body in one header. */
export function overBody(header: string, { hash = 'sha256', as = 'hex', before = '', key = 'text' }: Mac = {}): Sender {
  return sender((parcel) => ({ [header]: before + mac(parcel, hash, as, parcel.body) }), { key })
}

type Text = (parcel: Parcel) => string
type Parts = (parcel: Parcel, time: string) => readonly (string | Buffer)[]

/** HMAC of a message that holds a time, which stands in a header of its own. */
export function stamped(header: string, timeHeader: string, time: Text, parts: Parts, { hash = 'sha256', as = 'hex', before = '' }: Mac = {}): Sender {
  return sender((parcel) => ({ [timeHeader]: time(parcel), [header]: before + mac(parcel, hash, as, ...parts(parcel, time(parcel))) }))
}

/** HMAC and time in one header; `write` puts them together. `time.body` unless said otherwise. */
export function inOne(
  header: string, write: (time: string, proof: string) => string, time: Text = seconds,
  parts: Parts = ({ body }, at) => [at, '.', body], { hash = 'sha256', as = 'hex' }: Mac = {},
): Sender {
  return sender((parcel) => ({ [header]: write(time(parcel), mac(parcel, hash, as, ...parts(parcel, time(parcel)))) }))
}

/** How most of them are put together: `t=…,v1=…`. */
export const tAndV1 = (time: string, proof: string) => `t=${time},v1=${proof}`

/** Standard Webhooks, under one of its two families of headers. */
export function standard(family: 'webhook' | 'svix', key: KeyKind = 'whsec'): Sender {
  return sender((parcel) => ({
    [`${family}-id`]: parcel.id,
    [`${family}-timestamp`]: seconds(parcel),
    [`${family}-signature`]: `v1,${mac(parcel, 'sha256', 'base64', parcel.id, '.', seconds(parcel), '.', parcel.body)}`,
  }), { key })
}

/** The secret itself in a header. */
export function token(header: string, { before = '', parameters = {} }: { before?: string, parameters?: Sender['parameters'] } = {}): Sender {
  return sender(({ key }) => ({ [header]: before + key.written }), { parameters, covers: 'less' })
}

/** Names and values of a form, sorted by name, put together without separators. */
export function sortedForm(body: Buffer): string {
  const pairs = [...new URLSearchParams(body.toString())].sort(([one], [other]) => (one < other ? -1 : 1))
  return pairs.map(([name, value]) => name + value).join('')
}
