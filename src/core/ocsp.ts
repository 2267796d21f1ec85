import { z } from 'zod'
import { duration, mistake } from './fields.ts'
import type { Facts } from './verdict.ts'

/** A certificate and its issuer, as they stand on a verified way up to the listener's roots. The same object for as long as that way holds. */
export interface CertificateLink {
  /** Is it the sender's own certificate, or one above it? */
  readonly of: 'sender' | 'authority'
  /** DER. */
  readonly certificate: Uint8Array
  /** DER. */
  readonly issuer: Uint8Array
  /** Does a revocation list of the listener that this issuer signed name this serial number (hex)? */
  readonly isListed: (serial: string) => boolean
}

/** What a certificate's responder says of it (RFC 6960 2.2), and what lies behind that. */
export interface CertificateStatus {
  /** `unknown`: the responder says so, or nobody could be asked, or the answer was not to be believed. */
  readonly status: 'good' | 'revoked' | 'unknown'
  readonly facts: Facts
}

/** Who is asked. At once where the answer is known and still holds; never rejects. */
export interface StatusSource {
  readonly ask: (link: CertificateLink, rule: OcspRule) => CertificateStatus | Promise<CertificateStatus>
  readonly tally: () => StatusTally
  /** Told of each answer from now on that says revoked: connections are open that nobody asks about. One watches at a time. */
  readonly watch: (revoked: Revoked) => void
}

export type Revoked = (link: CertificateLink) => void

/** What came of asking so far. */
export interface StatusTally {
  /** Questions that were answered or failed, by outcome: a status, or why there is none. */
  readonly answers: ReadonlyMap<string, number>
  /** How often what was known already served. */
  readonly reused: number
}

const responderUrl = z.string().transform((text, context) => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url !== undefined && isResponderUrl(url)) return url.href
  context.addIssue(mistake(`${JSON.stringify(text)} is no URL of a responder`, 'write http://HOST[:PORT]/PATH or https://…, without user and fragment'))
  return z.NEVER
})

/** Whom we ask: over HTTP, without credentials. The answer is signed, so that it need not be https. */
export function isResponderUrl({ protocol, username, password, hash }: URL): boolean {
  return /^https?:$/.test(protocol) && username === '' && password === '' && hash === ''
}

/** `ocsp:` of a route's `certificate:` and of a listener's `clientCertificate`. */
export const ocspSchema = z.strictObject({
  mode: z.enum(['off', 'soft', 'hard'])
    .describe('off: nobody is asked; soft: who cannot be asked about passes, and the record says so; hard: is refused. Revoked is revoked in both.'),
  responder: responderUrl.optional().describe('The URL of the responder; left out: the one that the certificate names.'),
  certificates: z.enum(['leaf', 'chain']).default('leaf').describe('leaf: the sender’s own; chain: also every one between it and the root.'),
  nonce: z.enum(['required', 'optional']).default('required')
    .describe('optional: takes an answer without the nonce of the question, as responders give that sign in advance.'),
  timeout: duration.prefault('2s').describe('The most that one question may take.'),
})

export type OcspRule = z.output<typeof ocspSchema>

/** Where nobody may be asked (`check`, `explain`): every certificate is good, and the facts say why. */
export const notAsked: StatusSource = {
  ask: () => ({ status: 'good', facts: { ocsp: 'not-asked' } }), tally: () => ({ answers: new Map(), reused: 0 }), watch: () => {},
}
