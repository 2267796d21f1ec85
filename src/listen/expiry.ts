import type { X509Certificate } from 'node:crypto'
import { nameOf } from '../certificates/revocation.ts'
import { parseCertificateTime } from '../certificates/text.ts'
import type { Instant, Milliseconds } from '../core/units.ts'
import type { TlsMaterial } from './tls.ts'

/** Something of ours that stops working at a time. */
export interface Expiry {
  readonly kind: 'certificate' | 'authority' | 'revocation-list'
  /** Whose: the subject of the certificate, or of the authority that issues the list. */
  readonly name: string
  readonly at: Instant
}

/** Own certificates, authorities and lists of these listeners, each once, the soonest first. */
export function expiriesOf(listeners: readonly { readonly tls: TlsMaterial }[]): readonly Expiry[] {
  const found = new Map<string, Expiry>()
  for (const { tls } of listeners) for (const one of expiriesIn(tls)) found.set(`${one.kind} ${one.name} ${one.at}`, one)
  return [...found.values()].sort((a, b) => a.at - b.at)
}

function expiriesIn({ certificates, authorities, lists }: TlsMaterial): Expiry[] {
  const ends = (kind: Expiry['kind']) => (one: X509Certificate) => ({ kind, name: nameOf(one), at: parseCertificateTime(one.validTo) })
  const issuerOf = (names: (authority: X509Certificate) => boolean) => authorities.find(names)
  return [
    ...certificates.map(ends('certificate')), ...authorities.map(ends('authority')),
    ...lists.map((list): Expiry => {
      const issuer = issuerOf((authority) => list.names(authority))
      return { kind: 'revocation-list', name: issuer === undefined ? 'an authority that is not in `ca`' : nameOf(issuer), at: list.nextUpdate }
    }),
  ]
}

const consequences: Record<Expiry['kind'], string> = {
  certificate: 'senders refuse to deliver after that',
  authority: 'senders below it are refused after that',
  'revocation-list': 'senders below it are refused after that: issue the next list',
}

/** One sentence for everything that has expired or will within this time. */
export function warnOfExpiry(listeners: readonly { readonly tls: TlsMaterial }[], now: Instant, before: Milliseconds): string[] {
  return expiriesOf(listeners).filter(({ at }) => !(at - now > before)).map(({ kind, name, at }) => {
    const what = kind === 'revocation-list' ? `the revocation list of ${name}` : `the ${kind} ${name}`
    return `${what} ${at < now ? 'has expired' : 'expires'} at ${new Date(at).toISOString()}: ${consequences[kind]}`
  })
}
