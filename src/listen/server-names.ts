import type { X509Certificate } from 'node:crypto'
import { TLSSocket, type SecureContext } from 'node:tls'
import { parseSubjectNames } from '../certificates/text.ts'
import { parseHost, parseHostPattern, wildcardOf } from '../core/host.ts'

/** Which certificate answers to which name; the same reading of names as for `Host` and routes (`core/host.ts`). */
export class ServerNames<Chosen> {
  readonly #exact = new Map<string, Chosen>()

  /** The first certificate that carries a name has it. */
  add(certificate: X509Certificate, chosen: Chosen): void {
    for (const name of namesOf(certificate)) if (!this.#exact.has(name)) this.#exact.set(name, chosen)
  }

  /** By the whole name (most senders write it in its one form), else by the one wildcard that could take it; undefined where no certificate carries it. */
  find(name: string): Chosen | undefined {
    const known = name.startsWith('*') ? undefined : this.#exact.get(name)
    if (known !== undefined) return known
    const host = parseHost(name)
    if (host === undefined) return undefined
    const wildcard = wildcardOf(host)
    return this.#exact.get(host) ?? (wildcard === undefined ? undefined : this.#exact.get(wildcard))
  }
}

/** DNS names, exact or `*.` and a name; the common name does not count. */
export function namesOf(certificate: X509Certificate): string[] {
  return parseSubjectNames(certificate.subjectAltName).flatMap(({ type, value }) => (
    type === 'dns' ? parseHostPattern(value) ?? [] : []
  ))
}

type Choose = (this: unknown, name: string, done: (error: Error | null, context?: SecureContext) => void) => void

/** For `SNICallback`; never throws (CVE-2026-21637). Whether the name is known at all is asked after the handshake. */
export function chooseByName(names: ServerNames<SecureContext>): Choose {
  return (name, done) => {
    let chosen: SecureContext | undefined
    try {
      chosen = names.find(name)
    } catch (error) {
      return done(error instanceof Error ? error : new Error(String(error)))
    }
    done(null, chosen)
  }
}

/** Node calls `SNICallback` as a method of the connection; where a later one does not, `meet` is not called. */
export function meeting(meet: (socket: TLSSocket) => void, choose: Choose): Choose {
  return function call(name, done) {
    if (this instanceof TLSSocket) meet(this)
    choose.call(this, name, done)
  }
}
