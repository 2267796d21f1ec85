import type { X509Certificate } from 'node:crypto'
import type { Instant } from '../core/units.ts'
import { Der, tags, type Element } from './der.ts'
import { listsIn } from './list-file.ts'
import { profileOf } from './profile.ts'
import { SerialSet } from './serial-set.ts'
import { digestOf, isSignature, isSignatureLater } from './signature-algorithms.ts'
import { atOnce, inSlices, type Slices } from './slices.ts'

const crlNumber = '551d14'
const deltaIndicator = '551d1b'
const issuingDistributionPoint = '551d1c'

/**
 * A complete revocation list (RFC 5280 5): who issued it, until when it holds, and whom it names. Lists of changes and
 * lists for a part of the certificates are refused: taken for complete ones, they would let revoked senders in.
 */
export class RevocationList {
  readonly thisUpdate: Instant
  readonly nextUpdate: Instant
  /** Grows from list to list (RFC 5280 5.2.3); undefined where it has none. */
  readonly number: bigint | undefined
  readonly #bytes: Uint8Array
  readonly #signed: Element
  readonly #issuer: Uint8Array
  readonly #digest: string | null
  readonly #signature: Uint8Array
  /** By the SHA-256 of the authority: a sender's own copy of it is another object on each connection. */
  readonly #verified = new Map<string, boolean>()
  readonly #verifying = new Map<string, Promise<boolean>>()
  readonly #entries: Element | undefined
  #serials: SerialSet | undefined

  /** Reads a list, DER; throws a plain sentence for one that is broken or that we do not take. */
  static read(der: Uint8Array): RevocationList {
    return atOnce(RevocationList.#inSteps(der))
  }

  /** The same in slices; `turn` waits until the event loop has turned. */
  static async readLater(der: Uint8Array, turn?: () => Promise<unknown>): Promise<RevocationList> {
    return await inSlices(RevocationList.#inSteps(der), turn)
  }

  static *#inSteps(der: Uint8Array): Slices<RevocationList> {
    const list = new RevocationList(der)
    list.#serials = list.#entries && (yield* SerialSet.read(der, list.#entries))
    return list
  }

  private constructor(der: Uint8Array) {
    const whole = new Der(der)
    const outer = whole.enter(tags.sequence)
    whole.finish()
    this.#bytes = der
    this.#signed = outer.take(tags.sequence)
    const algorithm = outer.take(tags.sequence)
    this.#signature = signatureOf(der, outer.take(tags.bitString))
    outer.finish()
    const list = outer.inside(this.#signed)
    if (hex(der, list.take(tags.integer)) !== '01') throw new Error('it is no list of version 2')
    if (hex(der, list.take(tags.sequence)) !== hex(der, algorithm)) throw new Error('it names two signature algorithms')
    this.#digest = readDigest(der, algorithm)
    const issuer = list.take(tags.sequence)
    this.#issuer = der.subarray(issuer.start, issuer.end)
    this.thisUpdate = readTime(list)
    if (list.tag !== tags.utcTime && list.tag !== tags.generalizedTime) throw new Error('it does not say when the next one is due')
    this.nextUpdate = readTime(list)
    this.#entries = list.maybe(tags.sequence)
    this.number = readExtensions(list)
    list.finish()
  }

  /** Does this certificate's name stand as the issuer? The signature is what proves it. */
  names(authority: X509Certificate): boolean {
    return subjectOf(authority.raw).equals(this.#issuer)
  }

  /** Did this authority sign the list? Asked once for each authority. */
  isIssuedBy(authority: X509Certificate): boolean {
    const known = this.#verified.get(authority.fingerprint256)
    if (known !== undefined) return known
    return this.#note(authority, this.#mayBeOf(authority) && isSignature(this.#digest, this.#signedBytes, authority.publicKey, this.#signature))
  }

  /** The same, with the hashing off the event loop, once for all who ask meanwhile; afterwards `isIssuedBy` knows. */
  async isIssuedByLater(authority: X509Certificate): Promise<boolean> {
    const { fingerprint256 } = authority
    const known = this.#verified.get(fingerprint256)
    if (known !== undefined) return known
    const underWay = this.#verifying.get(fingerprint256) ?? this.#verifyLater(authority)
    this.#verifying.set(fingerprint256, underWay)
    return await underWay
  }

  async #verifyLater(authority: X509Certificate): Promise<boolean> {
    return this.#note(authority, this.#mayBeOf(authority) && await isSignatureLater(this.#digest, this.#signedBytes, authority.publicKey, this.#signature))
  }

  /** Is this serial number (hex) on the list? */
  has(serial: string): boolean {
    return this.#serials?.has(serial) ?? false
  }

  /** RFC 5280 section 6.3.3 (f): whoever has a key usage needs `cRLSign` in it. */
  #mayBeOf(authority: X509Certificate): boolean {
    return this.names(authority) && maySignLists(authority)
  }

  #note({ fingerprint256 }: X509Certificate, answer: boolean): boolean {
    this.#verified.set(fingerprint256, answer)
    return answer
  }

  get #signedBytes(): Uint8Array {
    return this.#bytes.subarray(this.#signed.start, this.#signed.end)
  }
}

/** Has this authority, by its key usage, a say in who is revoked? */
export function maySignLists(authority: X509Certificate): boolean {
  return profileOf(authority)?.maySignLists === true
}

/** Every list of a file: PEM with one or several, or one in DER. Throws a plain sentence where anything else is in it. */
export function readRevocationLists(file: Uint8Array): RevocationList[] {
  return atOnce(listsIn(file)).map(RevocationList.read)
}

/** The same in slices. */
export async function readRevocationListsLater(file: Uint8Array): Promise<RevocationList[]> {
  const lists: RevocationList[] = []
  for (const der of await inSlices(listsIn(file))) lists.push(await RevocationList.readLater(der))
  return lists
}

/** Gives the number of the list. */
function readExtensions(list: Der): bigint | undefined {
  let number: bigint | undefined
  const tagged = list.maybe(0xa0)
  if (tagged === undefined) return number
  const wrapper = list.inside(tagged)
  const extensions = wrapper.enter(tags.sequence)
  wrapper.finish()
  while (extensions.more) {
    const extension = extensions.enter(tags.sequence)
    const id = hex(list.bytes, extension.take(tags.oid))
    const critical = extension.maybe(tags.boolean) !== undefined
    const value = extension.take(tags.octetString)
    extension.finish()
    if (id === deltaIndicator) throw new Error('it is a list of changes (delta) only; write the complete list')
    if (id === issuingDistributionPoint) throw new Error('it is a list for a part of the certificates (issuing distribution point); write the complete list')
    if (id === crlNumber) number = readNumber(extension.inside(value))
    else if (critical) throw new Error(`it has a critical extension that is not known here (${id})`)
  }
  return number
}

/** RFC 5280 5.2.3: never negative, at most 20 octets. */
function readNumber(value: Der): bigint {
  const digits = hex(value.bytes, value.take(tags.integer))
  value.finish()
  if (!/^[0-7][0-9a-f]{1,41}$/.test(digits)) throw new Error('it holds a number of the list that cannot be read')
  return BigInt(`0x${digits}`)
}

function readDigest(der: Uint8Array, algorithm: Element): string | null {
  const id = hex(der, new Der(der, algorithm.content, algorithm.end).take(tags.oid))
  const digest = digestOf(id)
  if (digest === undefined) throw new Error('it is signed with an algorithm that is not taken here: write RSA, ECDSA or EdDSA with SHA-256 or better')
  return digest
}

function signatureOf(der: Uint8Array, { content, end }: Element): Uint8Array {
  if (der[content] !== 0) throw new Error('its signature is not whole bytes')
  return der.subarray(content + 1, end)
}

/** The subject of a certificate, DER: version, serial, algorithm, issuer and validity stand before it (RFC 5280 4.1). */
export function subjectOf(der: Uint8Array): Buffer {
  const certificate = new Der(der).enter(tags.sequence).enter(tags.sequence)
  certificate.maybe(0xa0)
  certificate.take(tags.integer)
  for (let skipped = 0; skipped < 3; skipped++) certificate.take(tags.sequence)
  const { start, end } = certificate.take(tags.sequence)
  return Buffer.from(der.buffer, der.byteOffset + start, end - start)
}

/** UTCTime or GeneralizedTime in the forms that RFC 5280 allows: to the second, in UTC. */
function readTime(list: Der): Instant {
  const short = list.tag === tags.utcTime
  const { content, end } = list.take(short ? tags.utcTime : tags.generalizedTime)
  const text = Buffer.from(list.bytes.subarray(content, end)).toString('latin1')
  if (!(short ? /^\d{12}Z$/ : /^\d{14}Z$/).test(text)) throw new Error('it holds a time that cannot be read')
  const full = short ? `${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}` : text
  const time = Date.parse(full.replace(/^(....)(..)(..)(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'))
  if (Number.isNaN(time)) throw new Error('it holds a time that cannot be read')
  return time
}

function hex(bytes: Uint8Array, { content, end }: Element): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + content, end - content).toString('hex')
}
