import { Der, tags, type Element } from './der.ts'

/** An entry is at least 20 bytes long: a serial number and a time. */
const shortestEntry = 20
/** So many entries are read in a few milliseconds. */
const slice = 2_000

/**
 * The serial numbers of a revocation list, as places in its own bytes: a hundred thousand entries are read in one pass,
 * without an object for each. Every entry counts as revoked whatever its reason: `certificateHold` holds, and a complete
 * list removes nobody.
 */
export class SerialSet {
  readonly #bytes: Uint8Array
  /** Open addressing; where a serial number's element begins, or 0. */
  readonly #elements: Uint32Array
  readonly #mask: number

  /** Reads `revokedCertificates` (RFC 5280 5.1.2.6), a slice at each step; throws where it is not of that form. */
  static *read(bytes: Uint8Array, entries: Element): Generator<void, SerialSet> {
    const set = new SerialSet(bytes, entries)
    const der = new Der(bytes)
    let count = 0
    for (let at = entries.content; at < entries.end;) {
      at = set.#read(der, at, entries.end)
      if (++count % slice === 0) yield
    }
    return set
  }

  private constructor(bytes: Uint8Array, entries: Element) {
    const most = (entries.end - entries.content) / shortestEntry
    const capacity = 2 ** Math.ceil(Math.log2(most * 2 + 2))
    this.#bytes = bytes
    this.#elements = new Uint32Array(capacity)
    this.#mask = capacity - 1
  }

  /** Is this serial number, in hex, among them? Yes for what is no such number (negative ones): nobody could tell. */
  has(serial: string): boolean {
    if (!/^[0-9a-f]+$/i.test(serial)) return true
    const plain = serial.replace(/^0+(?=.)/, '')
    const wanted = Buffer.from(plain.length % 2 === 0 ? plain : `0${plain}`, 'hex')
    let slot = hash(wanted, 0, wanted.length) & this.#mask
    for (let start = this.#elements[slot]; start !== 0 && start !== undefined; start = this.#elements[slot]) {
      if (this.#same(start, wanted)) return true
      slot = (slot + 1) & this.#mask
    }
    return false
  }

  /** One entry: serial number, time, extensions. Gives where the next one begins. */
  #read(der: Der, at: number, limit: number): number {
    const end = der.endOf(at, limit, tags.sequence)
    const serial = at + headerLength(this.#bytes, at)
    const time = der.endOf(serial, end, tags.integer)
    const extensions = der.endOf(time, end, this.#bytes[time] === tags.utcTime ? tags.utcTime : tags.generalizedTime)
    if (extensions !== end && der.endOf(extensions, end, tags.sequence) !== end) throw new Error('it holds an entry that cannot be read')
    this.#add(serial)
    return end
  }

  /** Serial numbers have at most 20 octets (RFC 5280 4.1.2.2): their length is one byte. */
  #add(start: number): void {
    if ((this.#bytes[start + 1] as number) > 64) throw new Error('it holds a serial number that is too long')
    const { place, end } = this.#digits(start)
    let slot = hash(this.#bytes, place, end) & this.#mask
    while (this.#elements[slot] !== 0) slot = (slot + 1) & this.#mask
    this.#elements[slot] = start
  }

  /** The number without leading zeros. */
  #digits(start: number): { place: number; end: number } {
    const end = start + 2 + (this.#bytes[start + 1] as number)
    let place = start + 2
    while (place < end - 1 && this.#bytes[place] === 0) place++
    return { place, end }
  }

  #same(start: number, wanted: Uint8Array): boolean {
    const { place, end } = this.#digits(start)
    if (end - place !== wanted.length) return false
    return wanted.every((byte, index) => this.#bytes[place + index] === byte)
  }
}

function headerLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at + 1] as number
  return first < 0x80 ? 2 : 2 + (first & 0x7f)
}

/** FNV-1a. */
function hash(bytes: Uint8Array, start: number, end: number): number {
  let value = 0x811c9dc5
  for (let at = start; at < end; at++) value = Math.imul(value ^ (bytes[at] as number), 0x01000193)
  return value >>> 0
}
