/**
 * Certificates for tests, in memory, as PEM. Nothing here is ever written to the repository.
 *
 *     const pki = await makePki()                                  // a CA, an intermediate below it
 *     const server = await pki.ca.server()                         // localhost, 127.0.0.1, ::1
 *     const sender = await pki.ca.client()                         // CN=sender, dns:sender.example, clientAuth
 *     const other  = await pki.ca.client({ cn: 'x', names: ['uri:spiffe://partner/hooks'], usages: [] })
 *     const old    = await pki.ca.client({ notAfter: now - day })  // expired
 *     const below  = await pki.intermediate.client()               // `below.chain` holds leaf and intermediate
 *     const rogue  = await (await makeCa()).client()               // a CA that nobody trusts
 *     const crl    = await pki.ca.crl([sender])                    // PEM; `pki.ca.crl([], { nextUpdate: now - 1 })`: expired
 *
 *     https.createServer({ cert: server.chain, key: server.key, ca: pki.ca.certificate, requestCert: true })
 *     tls.connect({ port, servername: 'localhost', cert: sender.chain, key: sender.key, ca: pki.ca.certificate })
 *
 * Times are `Instant`s; validity starts an hour before and ends 30 days after `Date.now()` unless told. Making a
 * certificate costs about a millisecond with EC keys; `kind: 'rsa'` is slow.
 */
import 'reflect-metadata'
import { AsnConvert } from '@peculiar/asn1-schema'
import { BaseCRLNumber } from '@peculiar/asn1-x509'
import { Extension, type JsonGeneralName } from '@peculiar/x509'
import { issueCertificate, makeAuthority, usages, type Authority } from '../../src/pki/authority.ts'
import { makeKeys, writePrivateKey, type KeyKind } from '../../src/pki/keys.ts'
import { parseSubjectName, type Subject } from '../../src/pki/names.ts'
import { issueRevocationList } from '../../src/pki/revocation-list.ts'
import type { Instant } from '../../src/core/units.ts'

export const hour = 3_600_000
export const day = 24 * hour

/** A certificate with its key, all PEM. */
export interface Identity {
  readonly certificate: string
  readonly key: string
  /** The certificate and the intermediates above it, leaf first, without the root: what a TLS peer sends. */
  readonly chain: string
  /** Lower-case hex, as `PeerCertificate.serial`. */
  readonly serial: string
  readonly der: Buffer
}

export interface IdentityOptions {
  readonly cn?: string
  readonly subject?: Subject
  /** `dns:…` `uri:…` `email:…` `ip:…`, or a name of the X.509 builder for the odd ones. */
  readonly names?: readonly (string | JsonGeneralName)[]
  readonly usages?: readonly string[]
  readonly notBefore?: Instant
  readonly notAfter?: Instant
  readonly kind?: KeyKind
  readonly ocsp?: string
  readonly crl?: string
}

export interface CaOptions {
  readonly name?: string
  readonly notBefore?: Instant
  readonly notAfter?: Instant
  readonly pathLength?: number
  readonly kind?: KeyKind
}

export interface CrlOptions {
  readonly number?: number
  readonly thisUpdate?: Instant
  readonly nextUpdate?: Instant
  /** Marks it as a delta list on top of this number. */
  readonly deltaOf?: number
  /** Further ones. */
  readonly extensions?: readonly Extension[]
}

export interface Ca {
  readonly certificate: string
  readonly key: string
  readonly authority: Authority
  readonly client: (options?: IdentityOptions) => Promise<Identity>
  readonly server: (hosts?: readonly string[], options?: IdentityOptions) => Promise<Identity>
  readonly below: (options?: CaOptions) => Promise<Ca>
  /** A revocation list that names these certificates (or serial numbers), PEM. */
  readonly crl: (revoked?: readonly (Identity | string)[], options?: CrlOptions) => Promise<string>
}

export interface Pki { readonly ca: Ca; readonly intermediate: Ca }

export async function makePki(): Promise<Pki> {
  const ca = await makeCa()
  return { ca, intermediate: await ca.below() }
}

/** A root of its own. */
export async function makeCa(options: CaOptions = {}): Promise<Ca> {
  return await build(options, undefined)
}

async function build(options: CaOptions, parent: Above | undefined): Promise<Ca> {
  const keys = await makeKeys(options.kind ?? 'ec')
  const { pathLength } = options
  const request = {
    subject: { CN: options.name ?? `test ${parent === undefined ? 'root' : 'intermediate'} ${++made}` }, keys, ...validity(options),
    ...(pathLength === undefined ? {} : { pathLength }),
  }
  const authority = await makeAuthority(request, parent?.authority)
  const above: Above = { authority, chain: parent === undefined ? '' : `${authority.certificate.toString('pem')}\n${parent.chain}` }
  return {
    authority, certificate: `${authority.certificate.toString('pem')}\n`, key: await writePrivateKey(keys.privateKey),
    client: (asked = {}) => issue(above, { cn: 'sender', names: ['dns:sender.example'], usages: [usages.client], ...asked }),
    server: (hosts = ['localhost', '127.0.0.1', '::1'], asked = {}) => issue(above, {
      cn: hosts[0] ?? 'server', names: hosts.map((host) => `${/^[\d.]+$|:/.test(host) ? 'ip' : 'dns'}:${host}`), usages: [usages.server], ...asked,
    }),
    below: (asked = {}) => build(asked, above),
    crl: (revoked = [], asked = {}) => list(authority, revoked, asked),
  }
}

let made = 0

interface Above { readonly authority: Authority; readonly chain: string }

async function issue(above: Above, options: IdentityOptions): Promise<Identity> {
  const keys = await makeKeys(options.kind ?? 'ec')
  const { ocsp, crl } = options
  const certificate = await issueCertificate(above.authority, {
    subject: options.subject ?? { CN: options.cn ?? 'sender' }, publicKey: keys.publicKey, usages: options.usages ?? [], ...validity(options),
    names: (options.names ?? []).map((name) => typeof name === 'string' ? parseSubjectName(name) : name),
    ...(ocsp === undefined ? {} : { ocsp }), ...(crl === undefined ? {} : { crl }),
  })
  const pem = `${certificate.toString('pem')}\n`
  return {
    certificate: pem, chain: pem + above.chain, key: await writePrivateKey(keys.privateKey),
    serial: certificate.serialNumber, der: Buffer.from(certificate.rawData),
  }
}

async function list(authority: Authority, revoked: readonly (Identity | string)[], options: CrlOptions): Promise<string> {
  const thisUpdate = options.thisUpdate ?? Date.now() - hour
  const delta = options.deltaOf === undefined ? []
    : [new Extension('2.5.29.27', true, AsnConvert.serialize(new BaseCRLNumber(options.deltaOf)))]
  return await issueRevocationList(authority, {
    number: options.number ?? 1, thisUpdate, nextUpdate: options.nextUpdate ?? Date.now() + 30 * day, extensions: [...delta, ...options.extensions ?? []],
    revoked: revoked.map((one) => ({ serial: typeof one === 'string' ? one : one.serial, at: thisUpdate })),
  })
}

function validity(options: { readonly notBefore?: Instant; readonly notAfter?: Instant }) {
  return { notBefore: options.notBefore ?? Date.now() - hour, notAfter: options.notAfter ?? Date.now() + 30 * day }
}
