import type { KeyObject, X509Certificate } from 'node:crypto'
import { Der, tags, type Element } from './der.ts'

/** What Node does not tell of a certificate, and a path is judged by (RFC 5280 section 4.2). */
export interface Profile {
  /** Is it signed over a hash that nobody can make collide? */
  readonly isSoundlySigned: boolean
  /** Is its key one that nobody computes? RSA from 2048 bits on, NIST's curves from P-256 on, Edwards'. */
  readonly hasSoundKey: boolean
  /** How many authorities may stand below it; undefined: any number. */
  readonly pathLength: number | undefined
  /** Object identifiers of what this reader does not judge by, and a path must not go by: critical and unknown, or a name constraint. */
  readonly strange: readonly string[]
}

const profiles = new WeakMap<X509Certificate, Profile | undefined>()

/** Undefined: the DER is not of the standard form. Read once for each certificate. */
export function profileOf(certificate: X509Certificate): Profile | undefined {
  if (!profiles.has(certificate)) profiles.set(certificate, readSafely(certificate))
  return profiles.get(certificate)
}

function readSafely(certificate: X509Certificate): Profile | undefined {
  try {
    return { ...read(certificate.raw), hasSoundKey: isSound(certificate.publicKey) }
  } catch {
    return undefined
  }
}

/** RSA and ECDSA over SHA-2, RSASSA-PSS, Ed25519, Ed448. SHA-1 and MD5 are not among them. */
const sound: ReadonlySet<string> = new Set([
  '1.2.840.113549.1.1.11', '1.2.840.113549.1.1.12', '1.2.840.113549.1.1.13', '1.2.840.113549.1.1.10',
  '1.2.840.10045.4.3.2', '1.2.840.10045.4.3.3', '1.2.840.10045.4.3.4', '1.3.101.112', '1.3.101.113',
])

const curves: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1'])

function isSound({ asymmetricKeyType: type, asymmetricKeyDetails: { modulusLength = 0, namedCurve = '' } = {} }: KeyObject): boolean {
  if (type === 'ec') return curves.has(namedCurve)
  return type === 'ed25519' || type === 'ed448' || ((type === 'rsa' || type === 'rsa-pss') && modulusLength >= 2048)
}

const basicConstraints = '2.5.29.19'
const nameConstraints = '2.5.29.30'
/** Key usage, subject names, basic constraints, policies, extended key usage: judged here, by OpenSSL, or of no weight. */
const known: ReadonlySet<string> = new Set(['2.5.29.15', '2.5.29.17', basicConstraints, '2.5.29.32', '2.5.29.37'])

interface Extension { readonly oid: string; readonly isCritical: boolean; readonly value: Element }

function read(der: Uint8Array): Omit<Profile, 'hasSoundKey'> {
  const certificate = new Der(der).enter(tags.sequence)
  const extensions = readExtensions(certificate.enter(tags.sequence))
  const algorithm = readOid(certificate.enter(tags.sequence))
  const constraints = extensions.find(({ oid }) => oid === basicConstraints)
  return {
    isSoundlySigned: sound.has(algorithm),
    pathLength: constraints === undefined ? undefined : readPathLength(new Der(der, constraints.value.content, constraints.value.end)),
    strange: extensions.filter(({ oid, isCritical }) => oid === nameConstraints || (isCritical && !known.has(oid))).map(({ oid }) => oid),
  }
}

/** Version, serial number, algorithm, issuer, validity, subject, key, two ids that nobody uses, extensions. */
function readExtensions(body: Der): Extension[] {
  body.maybe(0xa0)
  body.take(tags.integer)
  for (let passed = 0; passed < 5; passed += 1) body.take(tags.sequence)
  body.maybe(0x81)
  body.maybe(0x82)
  const wrapped = body.maybe(0xa3)
  if (wrapped === undefined) return []
  const list = body.inside(wrapped).enter(tags.sequence)
  const extensions: Extension[] = []
  while (list.more) {
    const one = list.enter(tags.sequence)
    const oid = readOid(one)
    const flag = one.maybe(tags.boolean)
    extensions.push({ oid, isCritical: flag !== undefined && one.bytes[flag.content] !== 0, value: one.take(tags.octetString) })
  }
  return extensions
}

function readPathLength(value: Der): number | undefined {
  const constraints = value.enter(tags.sequence)
  constraints.maybe(tags.boolean)
  const length = constraints.maybe(tags.integer)
  if (length === undefined) return undefined
  // Longer than a byte is more than any path: it limits nothing that is not limited already.
  return length.end - length.content > 1 ? 127 : constraints.bytes[length.content]
}

/** X.690 section 8.19. */
function readOid(cursor: Der): string {
  const { content, end } = cursor.take(tags.oid)
  const arcs: number[] = []
  let arc = 0
  for (let at = content; at < end; at += 1) {
    const byte = cursor.bytes[at] as number
    arc = arc * 128 + (byte & 0x7f)
    if ((byte & 0x80) !== 0) continue
    arcs.push(arc)
    arc = 0
  }
  const [first = 0, ...rest] = arcs
  const root = Math.min(2, Math.floor(first / 40))
  return [root, first - root * 40, ...rest].join('.')
}
