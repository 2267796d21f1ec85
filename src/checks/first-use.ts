import { hash } from 'node:crypto'
import { at, type Asked, type CheckTools } from '../core/check.ts'
import type { Head, PeerCertificate } from '../core/delivery.ts'
import { forever, StoreUnavailable, storeReasons, type Committed, type Nonce, type NonceStore } from '../core/nonce.ts'
import type { CertificateReason } from '../core/trust.ts'
import { pass, refuse, type Facts, type Refuse, type Verdict } from '../core/verdict.ts'

export type FirstUseReason = CertificateReason | keyof typeof storeReasons

/** What the certificate check says of a certificate that is not the one. */
export type NotAllowed = (shown: PeerCertificate, demand: 'pin', facts: Facts) => Refuse<CertificateReason>

/**
 * Is this the certificate that was the first on this route? (`pin: first-use`)
 *
 * Asked twice: at the certificate stage, where nothing is written, so that another certificate is refused before the body
 * is read; and at the acceptance stage, after everything else passed: only then is the first one remembered. Whoever is
 * not accepted leaves no trace. Where an operator approved certificates for this route, these alone are taken.
 */
export function askFirstUse(tools: CheckTools, notAllowed: NotAllowed): readonly Asked<FirstUseReason>[] {
  const approved = tools.approved()
  if (approved !== undefined) return [at('certificate', (known) => judgeApproved(known, approved, notAllowed))]
  const pin = new Pin(tools, notAllowed)
  return [at('certificate', (known) => pin.compare(known)), at('acceptance', (known) => pin.take(known))]
}

function judgeApproved({ certificate: shown }: Head, approved: ReadonlySet<string>, notAllowed: NotAllowed): Verdict<FirstUseReason> {
  if (shown === undefined || approved.has(shown.fingerprint)) return pass()
  return notAllowed(shown, 'pin', { approved: [...approved].map((digits) => `sha256:${digits}`) })
}

/** The pin of one route. What this process learned of it once it knows: no first use is ever taken back. */
class Pin {
  readonly #tools: CheckTools
  /** The shared store alone can say which certificate was the first, and can keep it. */
  readonly #nonces: NonceStore
  readonly #notAllowed: NotAllowed
  readonly #key: Uint8Array
  #known: string | undefined

  constructor(tools: CheckTools, notAllowed: NotAllowed) {
    this.#tools = tools
    this.#nonces = tools.nonces.withoutStandIn ?? tools.nonces
    this.#notAllowed = notAllowed
    this.#key = keyOf(tools.route)
  }

  compare({ certificate: shown }: Head): Verdict<FirstUseReason> | Promise<Verdict<FirstUseReason>> {
    if (shown === undefined) return pass()
    if (this.#known !== undefined) return this.#judge(shown, this.#known === shown.fingerprint ? 'same' : 'other')
    return orUnavailable(async () => {
      const found = await this.#nonces.find(this.#nonceOf(shown))
      return found.state === 'committed' ? this.#judge(shown, found.material) : pass()
    })
  }

  take({ certificate: shown }: Head): Verdict<FirstUseReason> | Promise<Verdict<FirstUseReason>> {
    if (shown === undefined || this.#known === shown.fingerprint) return pass()
    return orUnavailable(() => this.#remember(shown))
  }

  /** Atomic by the store's own claim: of several that are first at once, one is. */
  async #remember(shown: PeerCertificate): Promise<Verdict<FirstUseReason>> {
    const claimed = await this.#nonces.claim(this.#nonceOf(shown), this.#tools.lease)
    if (claimed.state === 'committed') return this.#judge(shown, claimed.material)
    if (claimed.state === 'in-flight') throw new StoreUnavailable('another delivery is the first on this route just now')
    if (!await claimed.commit({ status: 200, until: forever })) throw new StoreUnavailable('another delivery was the first meanwhile')
    this.#known = shown.fingerprint
    return pass({ pinned: `sha256:${shown.fingerprint}` })
  }

  #judge(shown: PeerCertificate, material: Committed['material']): Verdict<FirstUseReason> {
    if (material === 'other') return this.#notAllowed(shown, 'pin', { mend: `if it is the sender's: sallyport certs pin ${this.#tools.route} --fingerprint sha256:${shown.fingerprint}` })
    this.#known = shown.fingerprint
    return pass()
  }

  #nonceOf({ der }: PeerCertificate): Nonce {
    return { key: this.#key, print: hash('sha256', der, 'buffer'), passesUntil: undefined }
  }
}

/** Beside the keys of replays, which begin the same way and go on otherwise (checks/replay.ts). */
function keyOf(route: string): Uint8Array {
  const name = Buffer.from(route, 'utf8')
  const length = Buffer.alloc(4)
  length.writeUInt32BE(name.length)
  return hash('sha256', Buffer.concat([length, name, Buffer.from('pin:first-use')]), 'buffer')
}

async function orUnavailable(ask: () => Promise<Verdict<FirstUseReason>>): Promise<Verdict<FirstUseReason>> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof StoreUnavailable) return refuse('store-unavailable', { fault: error.message })
    throw error
  }
}
