import { constants, type X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContext, type TlsOptions } from 'node:tls'
import type { Vouchers } from '../certificates/certificate.ts'
import type { OcspRule } from '../core/ocsp.ts'
import type { Problem, TlsPlan } from '../core/plan.ts'
import { keepShown } from './peer-certificate.ts'
import { chooseByName, meeting, ServerNames } from './server-names.ts'
import { isIssuedBy } from '../certificates/chain.ts'
import { readCertificates, readKey } from '../certificates/pem.ts'
import { objectionTo } from '../certificates/revocation.ts'
import { lateAmong } from '../certificates/late-lists.ts'
import { readListsNow, type ReadLists } from '../certificates/digested-lists.ts'
import type { RevocationList } from '../certificates/revocation-list.ts'

/** What a listener does TLS with, ready for `tls.createServer` and `setSecureContext`. */
export interface TlsMaterial {
  readonly options: TlsOptions
  /** The listener's own certificates, and what is sent behind them. */
  readonly certificates: readonly X509Certificate[]
  /** Who may vouch for senders; empty where no certificate is asked for. */
  readonly authorities: readonly X509Certificate[]
  /** Whom they take back. OpenSSL is not given these: it asks in the handshake only, and stalls on large ones. */
  readonly lists: readonly RevocationList[]
  /** Those of authorities that only senders send: verified when the first of these is there. */
  readonly lateLists: readonly RevocationList[]
  readonly listsWanted: boolean
  readonly ocsp?: OcspRule | undefined
  /** Does a certificate of ours carry the name that a sender calls? True where none is called. */
  readonly knows: (name: string | undefined) => boolean
  /** Is a connection without a trusted certificate closed at once? */
  readonly senders: 'asked' | 'required' | 'unasked'
}

/**
 * Forward secrecy and authenticated encryption only; any TLS 1.2 client since about 2014 has one of these. Level 2 of
 * OpenSSL, whatever its default: no RSA key below 2048 bits and no signature by SHA-1 or MD5, in any certificate of a chain.
 */
const ciphers = [
  'TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305',
  '@SECLEVEL=2',
].join(':')

/**
 * Settings → TLS options; or every problem at once, each with its path below `tls`. Nothing in here falls back: an
 * authority set that is empty or cannot be read would make Node trust the public roots (CVE-2026-27586 was that).
 */
export function buildTlsOptions(plan: TlsPlan, fetched: FetchedAt = () => [], read: ReadLists = readListsNow): TlsMaterial | { readonly problems: readonly Problem[] } {
  const problems: Problem[] = []
  const attempt: Attempt = (path, mend, run) => {
    try {
      return run()
    } catch (error) {
      problems.push({ path, what: error instanceof Error ? error.message : String(error), mend })
      return undefined
    }
  }
  const own = readPair(plan, [], attempt)
  const others = (plan.others ?? []).map((pair, at) => readPair(pair, ['others', at], attempt))
  const { authorities, lists } = readVouchers(plan, attempt, read)
  if (problems.length > 0 || own === undefined) return { problems }
  const shared = { ...serverOptions(plan), ...senderOptions(plan, authorities) }
  const options = attempt([], 'see what OpenSSL says', () => withNames(shared, [own, ...others.flatMap((pair) => pair ?? [])].map((pair) => completed(pair, authorities))))
  if (options === undefined) return { problems }
  const listsNow = compileLists(plan, lists, fetched)
  const { mode, ocsp } = plan.clientCertificate ?? {}
  return {
    options, authorities, ocsp, lateLists: lateAmong(lists, authorities), listsWanted: (plan.clientCertificate?.crl.length ?? 0) > 0, get lists() { return listsNow() }, certificates: [own, ...others.flatMap((pair) => pair ?? [])].flatMap((pair) => pair.certificates), knows: knownNames(plan, [own, ...others.flatMap((pair) => pair ?? [])]),
    senders: mode === undefined ? 'unasked' : mode === 'require' ? 'required' : 'asked',
  }
}

/** The lists that were fetched from a URL, as they stand at each call. */
export type FetchedAt = (url: string) => readonly RevocationList[]

/** Those of files, and those that were fetched: they change behind our back. */
function compileLists({ clientCertificate }: TlsPlan, own: readonly RevocationList[], fetched: FetchedAt): () => readonly RevocationList[] {
  const urls = (clientCertificate?.crl ?? []).flatMap((one) => ('url' in one ? one.url : []))
  return urls.length === 0 ? () => own : () => [...own, ...urls.flatMap(fetched)]
}

type Attempt = <T>(path: Problem['path'], mend: string, run: () => T) => T | undefined
interface Pair { readonly certificates: readonly X509Certificate[]; readonly cert: string; readonly key: string }

function readPair(pair: { readonly certificate: string; readonly key: string }, path: Problem['path'], attempt: Attempt): Pair | undefined {
  const certificates = attempt([...path, 'certificate'], 'write the server\'s certificate in PEM form, and behind it the ones above it', () => readChain(pair.certificate))
  const key = attempt([...path, 'key'], 'write one private key in PEM form, not encrypted', () => readKey(pair.key))
  if (certificates === undefined || key === undefined) return undefined
  return attempt([...path, 'key'], 'write the key that this certificate was made for', () => {
    if (certificates[0]?.checkPrivateKey(key) !== true) throw new Error('the certificate and the key do not belong together')
    return { certificates, cert: certificates.map(String).join(''), key: pair.key }
  })
}

function readVouchers({ clientCertificate: asked }: TlsPlan, attempt: Attempt, read: ReadLists): Vouchers {
  if (asked === undefined) return { authorities: [], lists: [] }
  const at = (...path: Problem['path']) => ['clientCertificate', ...path]
  const authorities = asked.ca.flatMap((pem, index) =>
    attempt(at('ca', index), 'write a PEM file of the authorities that may vouch for senders', () => readAuthorities(pem)) ?? [])
  attempt(at('ca'), 'write at least one PEM file', () => {
    if (asked.ca.length === 0) throw new Error('no authority is named, so no sender could be trusted')
  })
  const lists = asked.crl.flatMap((crl, index) => 'url' in crl ? [] :
    attempt(at('crl', index), 'write complete revocation lists, PEM or DER, as their authority issued them', () => readLists(read(crl), authorities)) ?? [])
  return { authorities, lists }
}

/**
 * With the authorities behind it that OpenSSL would find there in every handshake, and verify each time anew, for a certificate
 * that stands alone in its file. Where more than one could be meant, OpenSSL chooses as before.
 */
function completed(pair: Pair, authorities: readonly X509Certificate[]): Pair {
  const chain = [...pair.certificates]
  if (chain.length > 1) return pair
  for (let last = chain.at(-1); last !== undefined && !isIssuedBy(last, last);) {
    const [issuer, ...more] = authorities.filter((one) => isIssuedBy(last as X509Certificate, one))
    if (more.length > 0 || (issuer !== undefined && chain.includes(issuer))) return pair
    if (issuer !== undefined) chain.push(issuer)
    last = issuer
  }
  return { ...pair, cert: chain.map(String).join('') }
}

/** The first pair answers where no name is called; the others by theirs. All ask for the same senders. */
function withNames(shared: TlsOptions, [own, ...others]: readonly Pair[]): TlsOptions {
  const options = { ...shared, cert: own?.cert, key: own?.key }
  createSecureContext(options)
  const kept = (choose: ReturnType<typeof chooseByName>) => (shared.rejectUnauthorized === true ? meeting(keepShown, choose) : choose)
  if (others.length === 0) return shared.rejectUnauthorized === true ? { ...options, SNICallback: kept((_name, done) => done(null)) } : options
  const names = new ServerNames<SecureContext>()
  for (const { certificates: [leaf], cert, key } of [own, ...others] as Pair[]) names.add(leaf as X509Certificate, createSecureContext({ ...shared, cert, key }))
  return { ...options, SNICallback: kept(chooseByName(names)) }
}

/** A sender that calls no name gets the first certificate: there is nothing that could be another policy's. */
function knownNames({ unknownName }: TlsPlan, pairs: readonly Pair[]): TlsMaterial['knows'] {
  if (unknownName === 'serve') return () => true
  const names = new ServerNames<true>()
  for (const { certificates: [leaf] } of pairs) names.add(leaf as X509Certificate, true)
  return (name) => name === undefined || names.find(name) === true
}

function serverOptions(plan: TlsPlan): TlsOptions {
  return {
    minVersion: plan.minVersion, maxVersion: 'TLSv1.3',
    ciphers, honorCipherOrder: true, ALPNCallback: chooseProtocol,
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION,
  }
}

/**
 * HTTP/1.1 or nothing: whoever offers only others is refused in the handshake (RFC 7301 §3.2). Of `ALPNProtocols` Node gives each connection a copy, some
 * bytes of a piece of memory that holds 64 KiB of other things, and all of that would stay for as long as what is left of a closed connection does.
 */
function chooseProtocol({ protocols }: { readonly protocols: readonly string[] }): string | undefined {
  return protocols.includes('http/1.1') ? 'http/1.1' : undefined
}

/**
 * A resumed session skips the certificate, whichever name it was made under (CVE-2025-23419): no tickets where senders
 * show certificates. It is the listener's own context that decides this, not the one chosen by name.
 */
function senderOptions(plan: TlsPlan, authorities: readonly X509Certificate[]): TlsOptions {
  const asked = plan.clientCertificate
  if (asked === undefined) return {}
  return {
    requestCert: true, rejectUnauthorized: asked.mode === 'require',
    ca: authorities.map(String),
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION | constants.SSL_OP_NO_TICKET,
  }
}

/** Leaf first, each issued by the next: some senders do not sort a chain themselves. */
function readChain(pem: string): X509Certificate[] {
  const chain = readCertificates(pem)
  chain.forEach((one, index) => {
    const issuer = chain[index + 1]
    if (issuer !== undefined && !isIssuedBy(one, issuer)) throw new Error(`its certificate number ${index + 1} was not issued by the one behind it`)
  })
  return chain
}

function readAuthorities(pem: string): X509Certificate[] {
  const authorities = readCertificates(pem)
  const strange = authorities.find((one) => !one.ca)
  if (strange !== undefined) throw new Error(`${JSON.stringify(strange.subject)} is not an authority: its CA flag is not set`)
  return authorities
}

/** A list that carries the name of an authority but not its signature is somebody else's; one that is too old is told when it is asked. */
function readLists(lists: RevocationList[], authorities: readonly X509Certificate[]): RevocationList[] {
  for (const list of lists) {
    const named = authorities.filter((authority) => list.names(authority))
    if (named.length > 0 && !named.some((authority) => list.isIssuedBy(authority))) throw new Error(objectionTo(named[0] as X509Certificate))
  }
  return lists
}
