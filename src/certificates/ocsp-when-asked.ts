import type { CertificateLink, CertificateStatus, OcspRule, Revoked, StatusSource, StatusTally } from '../core/ocsp.ts'
import type { StatusesParts } from './ocsp-statuses.ts'

/** `Statuses`, read when a route first asks: the libraries that read and write OCSP are large, and most gateways ask nobody. */
export class StatusesWhenAsked implements StatusSource {
  readonly #parts: StatusesParts
  #ready: StatusSource | undefined
  #loading: Promise<StatusSource> | undefined
  #revoked: Revoked = () => {}

  constructor(parts: StatusesParts) {
    this.#parts = parts
  }

  readonly ask = (link: CertificateLink, rule: OcspRule): CertificateStatus | Promise<CertificateStatus> => {
    if (this.#ready !== undefined) return this.#ready.ask(link, rule)
    return (this.#loading ??= this.#load()).then((statuses) => statuses.ask(link, rule))
  }

  readonly tally = (): StatusTally => this.#ready?.tally() ?? nothingYet

  readonly watch = (revoked: Revoked): void => { this.#revoked = revoked }

  async #load(): Promise<StatusSource> {
    const { Statuses } = await import('./ocsp-statuses.ts')
    const statuses = new Statuses(this.#parts)
    statuses.watch((link) => this.#revoked(link))
    this.#ready = statuses
    return statuses
  }
}

const nothingYet: StatusTally = { answers: new Map(), reused: 0 }
