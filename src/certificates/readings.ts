import type { X509Certificate } from 'node:crypto'
import type { Bytes } from '../core/units.ts'
import { Reading } from './reading.ts'

export interface ReadingLimits {
  readonly entries: number
  /** DER of the certificates, and of what was sent behind them. */
  readonly bytes: Bytes
}

interface Kept { readonly reading: Reading; readonly weight: Bytes }

/**
 * Certificates that were read before, found by every byte of their DER: a sender that connects anew for each delivery shows
 * the same one each time. Bounded, because senders choose what they show; what was not used for longest goes. Only a
 * certificate that a handshake found trusted comes in or stays for being shown: a stranger's pushes nobody out.
 *
 * Nothing about trust is remembered here, but that one certificate signed another (`isIssuedBy`), which stays true. Times,
 * authorities and lists are asked as if every certificate were new (docs/decisions/0207).
 */
export class Readings {
  readonly #limits: ReadingLimits
  /** By DER, the one that was not used for longest first. */
  readonly #kept = new Map<string, Kept>()
  #newest: string | undefined
  #bytes: Bytes = 0

  constructor(limits: ReadingLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#kept.size
  }

  /** Of a certificate that anybody showed: leaves everything as it is. */
  find(shown: X509Certificate): Reading {
    return this.#kept.get(keyOf(shown))?.reading ?? new Reading(shown)
  }

  /** Of one that the handshake found trusted, by its DER, one character a byte (latin1); undefined where it is not known. */
  recall(text: string): Reading | undefined {
    const known = this.#kept.get(text)
    return known && this.#touch(text, known)
  }

  /** The same, and it is there the next time. */
  keep(shown: X509Certificate): Reading {
    const key = keyOf(shown)
    const known = this.recall(key)
    if (known !== undefined) return known
    const reading = new Reading(shown)
    const weight = weightOf(shown)
    if (weight <= this.#limits.bytes) this.#add(key, { reading, weight })
    return reading
  }

  #touch(key: string, kept: Kept): Reading {
    if (key === this.#newest) return kept.reading
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    this.#newest = key
    return kept.reading
  }

  #add(key: string, kept: Kept): void {
    this.#kept.set(key, kept)
    this.#newest = key
    this.#bytes += kept.weight
    for (const [oldest, { weight }] of this.#kept) {
      if (this.#kept.size <= this.#limits.entries && this.#bytes <= this.#limits.bytes) return
      this.#kept.delete(oldest)
      this.#bytes -= weight
    }
  }
}

/** One character a byte: equal where every byte is. */
function keyOf({ raw }: X509Certificate): string {
  return raw.toString('latin1')
}

/** Node keeps what was sent behind a certificate for as long as that one. */
function weightOf(shown: X509Certificate): Bytes {
  let weight = 0
  for (let one: X509Certificate | undefined = shown; one !== undefined; one = one.issuerCertificate) weight += one.raw.length
  return weight
}
