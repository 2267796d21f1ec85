import 'reflect-metadata'
import { AsnConvert } from '@peculiar/asn1-schema'
import { CRLNumber, id_ce_cRLNumber } from '@peculiar/asn1-x509'
import { AuthorityKeyIdentifierExtension, Extension, PemConverter, X509Crl, X509CrlGenerator, X509CrlReason } from '@peculiar/x509'
import type { Instant } from '../core/units.ts'
import type { Authority } from './authority.ts'
import { signingAlgorithm } from './keys.ts'

/** One revoked certificate: its serial number in hex, and since when. */
export interface Revoked { readonly serial: string; readonly at: Instant; readonly reason?: keyof typeof X509CrlReason | undefined }

export interface ListRequest {
  readonly revoked: readonly Revoked[]
  /** Grows by one with each list of an authority (RFC 5280 5.2.3). */
  readonly number: number
  readonly thisUpdate: Instant
  /** When the next list is due: whoever checks refuses everybody after it. */
  readonly nextUpdate: Instant
  /** Further extensions, for tests of what must be refused. */
  readonly extensions?: readonly Extension[]
}

/** Issues a complete revocation list, signed by the authority, as PEM. */
export async function issueRevocationList(authority: Authority, request: ListRequest): Promise<string> {
  const { keys, certificate } = authority
  const list = await X509CrlGenerator.create({
    issuer: certificate.subjectName, thisUpdate: new Date(request.thisUpdate), nextUpdate: new Date(request.nextUpdate),
    signingKey: keys.privateKey, signingAlgorithm: signingAlgorithm(keys.privateKey),
    entries: request.revoked.map(({ serial, at, reason }) => ({
      serialNumber: serial, revocationDate: new Date(at), ...(reason === undefined ? {} : { reason: X509CrlReason[reason] }),
    })),
    extensions: [
      await AuthorityKeyIdentifierExtension.create(keys.publicKey),
      new Extension(id_ce_cRLNumber, false, AsnConvert.serialize(new CRLNumber(request.number))),
      ...request.extensions ?? [],
    ],
  })
  // OpenSSL reads `X509 CRL` only; the builder's own label is `CRL`.
  return `${PemConverter.encode(list.rawData, 'X509 CRL')}\n`
}

export interface ReadList { readonly revoked: readonly Revoked[]; readonly number: number; readonly nextUpdate: Instant | undefined }

/** Reads a list that we issued earlier, to issue the next one. */
export function readRevocationList(pem: string): ReadList {
  const list = new X509Crl(pem)
  const number = list.getExtension(id_ce_cRLNumber)
  return {
    number: number === null ? 0 : AsnConvert.parse(number.value, CRLNumber).value,
    nextUpdate: list.nextUpdate?.getTime(),
    revoked: list.entries.map(({ serialNumber, revocationDate, reason }) => ({
      serial: serialNumber, at: revocationDate.getTime(), ...(reason === undefined ? {} : { reason: X509CrlReason[reason] as Revoked['reason'] }),
    })),
  }
}
