import { X509Certificate, type KeyObject } from 'node:crypto'
import { rootCertificates } from 'node:tls'
import { leadsTo } from '../certificates/path.ts'
import { readCertificates } from '../certificates/pem.ts'
import { parseDistinguishedName, parseSubjectNames } from '../certificates/text.ts'
import type { Instant } from '../core/units.ts'
import type { HostPattern, KeyFetcher } from './fetched-keys.ts'
import type { Report } from './plan.ts'
import type { SchemeKeys } from './scheme-keys.ts'

/**
 * Certificates that senders sign with (AWS SNS, PayPal). They are fetched from where a request says, so nothing of them
 * is believed that no authority vouches for: the path to a public root, the name, the time.
 */
export interface CertificateSource {
  /** Where certificates of this sender are. */
  readonly hosts: readonly HostPattern[]
  /** Where the authorities of this sender keep their own certificates (RFC 5280 section 4.2.2.1), for senders that serve a leaf alone. */
  readonly issuers: readonly HostPattern[]
  /** The names of which a certificate from this URL must have one; lower case. */
  readonly names: (url: URL) => readonly string[]
}

/** The key of the certificate at an allowed URL; or why it is not believed. Rejects with `KeyUnavailable`. */
export type FindCertificate = (url: string, at: Instant) => Promise<KeyObject | { readonly distrusted: string }>

interface Served { readonly leaf: X509Certificate; readonly between: readonly X509Certificate[] }

/** Undefined once a problem was reported. */
export function compileCertificateSource(source: CertificateSource, keys: SchemeKeys, fetcher: KeyFetcher, report: Report): FindCertificate | undefined {
  const authorities = readAuthorities(keys, report)
  if (authorities === undefined) return undefined
  const known = new WeakMap<Uint8Array, Served | undefined>()
  const parse = (bytes: Uint8Array): Served | undefined => {
    if (!known.has(bytes)) known.set(bytes, readServed(bytes))
    return known.get(bytes)
  }
  return async (url, at) => {
    const served = parse(await fetcher.fetch(url, source.hosts))
    if (served === undefined) return { distrusted: 'is no certificate in PEM form' }
    const { leaf, between } = served
    if (!isNamed(leaf, source.names(new URL(url)))) return { distrusted: 'is for another name' }
    const leads = (all: readonly X509Certificate[]) => leadsTo(leaf, { authorities: authorities(), between: all }, at)
    const trusted = await climbs({ leaf, between, hosts: source.issuers, leads }, async (issuer) => parse(await fetcher.fetch(issuer, source.issuers)))
    return trusted ? leaf.publicKey : { distrusted: 'does not lead to a trusted authority, or has had its time' }
  }
}

let publicRoots: readonly X509Certificate[] | undefined

/** The route's `keys`, or else the public roots of Node. Read when they are first needed: there are 150. */
function readAuthorities({ keys, secrets }: SchemeKeys, report: Report): (() => readonly X509Certificate[]) | undefined {
  if (secrets.length > 0) return void report({ path: ['secrets'], what: 'this scheme uses no secrets', mend: 'leave secrets out' })
  if (keys.length === 0) return () => publicRoots ??= rootCertificates.map((pem) => new X509Certificate(pem))
  const read = keys.map(({ bytes, reference, path }) => {
    const certificates = readPem(bytes)
    if (certificates?.every(({ ca }) => ca) === true) return certificates
    return void report({ path, what: `${reference} holds no authorities in PEM form`, mend: 'name a file with the certificates of the authorities that may vouch for the sender' })
  })
  const all = read.flatMap((certificates) => certificates ?? [])
  return read.includes(undefined) ? undefined : () => all
}

function readServed(bytes: Uint8Array): Served | undefined {
  const [leaf, ...between] = readPem(bytes) ?? readDer(bytes) ?? []
  return leaf && { leaf, between }
}

function readPem(bytes: Uint8Array): readonly X509Certificate[] | undefined {
  try {
    return readCertificates(Buffer.from(bytes).toString('latin1'))
  } catch {
    return undefined
  }
}

/** How authorities keep their own certificates. */
function readDer(bytes: Uint8Array): readonly X509Certificate[] | undefined {
  try {
    return bytes[0] === 0x30 ? [new X509Certificate(bytes)] : undefined
  } catch {
    return undefined
  }
}

/** By its subject alternative names, or by its common name where it has none. */
function isNamed(leaf: X509Certificate, names: readonly string[]): boolean {
  const alternatives = parseSubjectNames(leaf.subjectAltName)
  if (alternatives.length > 0) return alternatives.some(({ type, value }) => type === 'dns' && names.includes(value.toLowerCase()))
  const subject = parseDistinguishedName(leaf.subject) ?? []
  return subject.some(({ type, value }) => type === 'CN' && names.includes(value.toLowerCase()))
}

/** Nobody stands further above a leaf. */
const mostIssuers = 3

interface Climb extends Served {
  readonly hosts: readonly HostPattern[]
  readonly leads: (between: readonly X509Certificate[]) => boolean
}

/** Does it lead up, with the certificates above it where they are needed: each from where the one below says that it is? */
async function climbs({ leaf, between, hosts, leads }: Climb, get: (url: string) => Promise<Served | undefined>): Promise<boolean> {
  const all = [...between]
  let below = leaf
  for (let step = 0; !leads(all); step += 1) {
    const url = issuerUrl(below)
    if (url === undefined || step === mostIssuers || hosts.length === 0) return false
    const above = (await get(url))?.leaf
    if (above === undefined || !below.checkIssued(above)) return false
    all.push(above)
    below = above
  }
  return true
}

/** Node prints it as `CA Issuers - URI:http://…`, anything odd in quotes. */
function issuerUrl({ infoAccess }: X509Certificate): string | undefined {
  return /^CA Issuers - URI:(https?:\/\/[\x21-\x7e]+)$/m.exec(infoAccess ?? '')?.[1]
}
