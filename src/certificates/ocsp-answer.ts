import 'reflect-metadata'
import {
  BasicOCSPResponse, id_pkix_ocsp_basic, id_pkix_ocsp_nonce, OCSPResponse, OCSPResponseStatus, type CertID, type SingleResponse,
} from '@peculiar/asn1-ocsp'
import { AsnConvert } from '@peculiar/asn1-schema'
import type { Extension } from '@peculiar/asn1-x509'
import type { Facts } from '../core/verdict.ts'
import type { Instant, Milliseconds } from '../core/units.ts'
import { writeNonce, type Subject } from './ocsp-question.ts'
import { responderOf } from './ocsp-responder.ts'
import { digestOf, isSignature } from './signature-algorithms.ts'

/** What was asked, and how the answer is judged. */
export interface Asked {
  readonly subject: Subject
  readonly nonce: Uint8Array
  readonly demand: 'required' | 'optional'
}

/** What an answer says that is to be believed; `unknown` with a `fault` where it is not. */
export interface Answer {
  readonly status: 'good' | 'revoked' | 'unknown'
  readonly thisUpdate: Instant
  /** Undefined: the responder promises nothing beyond this moment. */
  readonly nextUpdate: Instant | undefined
  readonly facts: Facts
}

export interface Disbelieved { readonly status: 'disbelieved'; readonly facts: Facts & { readonly ocsp: string } }

/** How far a responder's clock may be off; and how old an answer may be that does not say until when it holds. */
export const skew: Milliseconds = 60_000

/** An answer is a handful of elements and perhaps a certificate; more is nobody's answer, and costs time to read. */
const bounds = { berOptions: { maxNodes: 2_000, maxDepth: 40, maxContentLength: 64 * 1024 } }

/**
 * Judges the bytes of an answer (RFC 6960 3.2): its form, who signed it, that it is about our certificate, carries our
 * nonce and holds now. One that was rightly signed and says `revoked` is believed even when it is old: whoever was
 * revoked stays it. Never throws.
 */
export function judgeAnswer(bytes: Uint8Array, asked: Asked, now: Instant): Answer | Disbelieved {
  const basic = readAnswer(bytes)
  if ('status' in basic) return basic
  try {
    return judgeBasic(basic, asked, now)
  } catch (error) {
    return unreadable(error)
  }
}

function judgeBasic(basic: BasicOCSPResponse, { subject, nonce, demand }: Asked, now: Instant): Answer | Disbelieved {
  const responder = responderOf(basic, subject, now)
  if (responder === undefined) return disbelieve('unauthorized-responder')
  const digest = digestOf(basic.signatureAlgorithm.algorithm)
  if (digest === undefined) return disbelieve('signature-algorithm', { algorithm: basic.signatureAlgorithm.algorithm })
  const { tbsResponseData: data, tbsResponseDataRaw: signed, signature } = basic
  if (signed === undefined || !isSignature(digest, new Uint8Array(signed), responder.publicKey, new Uint8Array(signature))) return disbelieve('bad-signature')
  const about = data.responses.filter(({ certID }) => isSameId(certID, subject.id))
  const revoked = about.find(({ certStatus }) => certStatus.revoked !== undefined)
  if (revoked !== undefined) return answerOf(revoked, 'revoked')
  const [one] = about
  if (one === undefined || about.length > 1) return disbelieve('other-certificate')
  const fault = faultOfExtensions(data.responseExtensions, one, nonce, demand) ?? faultOfTime(data.producedAt, one, now)
  return fault ?? answerOf(one, one.certStatus.good === undefined ? 'unknown' : 'good')
}

function readAnswer(bytes: Uint8Array): BasicOCSPResponse | Disbelieved {
  try {
    const response = AsnConvert.parse(bytes, OCSPResponse, bounds)
    const { responseStatus, responseBytes } = response
    // The library passes over what stands behind.
    if (!equal(AsnConvert.serialize(response), bytes)) return disbelieve('unreadable', { what: 'it is no DER, or something stands behind it' })
    if (responseStatus !== OCSPResponseStatus.successful) return disbelieve('responder-error', { what: OCSPResponseStatus[responseStatus] ?? String(responseStatus) })
    if (responseBytes?.responseType !== id_pkix_ocsp_basic) return disbelieve('unreadable', { what: 'it is no basic response' })
    return AsnConvert.parse(responseBytes.response, BasicOCSPResponse, bounds)
  } catch (error) {
    return unreadable(error)
  }
}

/** Every field of the CertID: an answer about another certificate, or another issuer's, is none. */
function isSameId(one: CertID, other: CertID): boolean {
  return one.hashAlgorithm.algorithm === other.hashAlgorithm.algorithm
    && equal(one.issuerNameHash.buffer, other.issuerNameHash.buffer) && equal(one.issuerKeyHash.buffer, other.issuerKeyHash.buffer)
    && equal(one.serialNumber, other.serialNumber)
}

function faultOfExtensions(extensions: readonly Extension[] = [], one: SingleResponse, nonce: Uint8Array, demand: Asked['demand']): Disbelieved | undefined {
  const strange = [...extensions, ...one.singleExtensions ?? []].find(({ critical, extnID }) => critical && extnID !== id_pkix_ocsp_nonce)
  if (strange !== undefined) return disbelieve('critical-extension', { extension: strange.extnID })
  const nonces = extensions.filter(({ extnID }) => extnID === id_pkix_ocsp_nonce)
  if (nonces.length === 0) return demand === 'required' ? disbelieve('nonce-missing') : undefined
  return nonces.every(({ extnValue }) => Buffer.from(extnValue.buffer).equals(writeNonce(nonce))) ? undefined : disbelieve('nonce-mismatch')
}

/** Written so that a time which cannot be read (NaN) is a fault. */
function faultOfTime(producedAt: Date, { thisUpdate, nextUpdate }: SingleResponse, now: Instant): Disbelieved | undefined {
  const facts = { thisUpdate: textOf(thisUpdate), nextUpdate: nextUpdate && textOf(nextUpdate) }
  if (!(thisUpdate.getTime() <= now + skew && producedAt.getTime() <= now + skew)) return disbelieve('not-yet-valid', facts)
  if (nextUpdate === undefined) return now - thisUpdate.getTime() <= skew ? undefined : disbelieve('stale', facts)
  return nextUpdate.getTime() >= now - skew && nextUpdate >= thisUpdate ? undefined : disbelieve('stale', facts)
}

function answerOf({ certStatus, thisUpdate, nextUpdate }: SingleResponse, status: Answer['status']): Answer {
  const revokedAt = certStatus.revoked?.revocationTime
  return {
    status, thisUpdate: thisUpdate.getTime(), nextUpdate: nextUpdate?.getTime(),
    facts: { ocsp: status, thisUpdate: textOf(thisUpdate), nextUpdate: nextUpdate && textOf(nextUpdate), revokedAt: revokedAt && textOf(revokedAt) },
  }
}

function unreadable(error: unknown): Disbelieved {
  return disbelieve('unreadable', { what: error instanceof Error ? error.message : String(error) })
}

function disbelieve(ocsp: string, facts: Facts = {}): Disbelieved {
  return { status: 'disbelieved', facts: { ocsp, ...facts } }
}

/** A time that cannot be written is no reason to fail. */
function textOf(time: Date): string {
  return Number.isNaN(time.getTime()) ? 'unreadable' : time.toISOString()
}

function equal(one: ArrayBuffer, other: ArrayBuffer | Uint8Array): boolean {
  return Buffer.from(one).equals(new Uint8Array(other))
}
