import { lowerName } from './field-name.ts'

/**
 * The header lines of a delivery as they came, looked up by lower-case name.
 *
 * Never an object indexed by a sender's text (`__proto__`, CVE-2026-21710), and never joined: a header that decides
 * something must stand there once, so a second line is an answer of its own.
 */
export class Headers {
  /** name, value, name, value … as received, in order. A value holds one character a byte (latin1). */
  readonly raw: readonly string[]
  readonly #names: readonly string[]

  constructor(raw: readonly string[]) {
    this.raw = raw
    const names: string[] = []
    for (let at = 0; at < raw.length; at += 2) names.push(lowerName(raw[at] as string))
    this.#names = names
  }

  /** The only value of this lower-case name; undefined where there is none, `'repeated'` in an object where there are several. */
  one(name: string): string | undefined | Repeated {
    const first = this.#names.indexOf(name)
    if (first === -1) return undefined
    if (this.#names.indexOf(name, first + 1) !== -1) return repeated
    return this.raw[first * 2 + 1]
  }

  /** Every value of this lower-case name, in order. */
  all(name: string): readonly string[] {
    const values: string[] = []
    for (let at = this.#names.indexOf(name); at !== -1; at = this.#names.indexOf(name, at + 1)) {
      values.push(this.raw[at * 2 + 1] as string)
    }
    return values
  }

  has(name: string): boolean {
    return this.#names.includes(name)
  }

  /** The lower-case name of each line, in order. */
  get names(): readonly string[] {
    return this.#names
  }
}

/** What `one` answers when a header stands on more than one line. */
export interface Repeated { readonly repeated: true }
const repeated: Repeated = Object.freeze({ repeated: true })

/** A header that may stand once or not at all; for places where a repeated line was refused before. */
export function single(found: string | undefined | Repeated): string | undefined {
  return typeof found === 'string' ? found : undefined
}
