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
  /** Does it carry subject names, readable or not? */
  readonly hasNames: boolean
  /** May it sign revocation lists? So where its key usage says it, or where there is none (RFC 5280 section 4.2.1.3). */
  readonly maySignLists: boolean
  /** DNS names that nobody below it may carry, nor what lies under them (section 4.2.1.10); lower case, without a dot in front. */
  readonly excluded: readonly string[]
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

const keyUsage = '2.5.29.15'
const subjectNames = '2.5.29.17'
const basicConstraints = '2.5.29.19'
const nameConstraints = '2.5.29.30'
/** Key usage, subject names, basic constraints, policies, extended key usage: judged here, by OpenSSL, or of no weight. */
const known: ReadonlySet<string> = new Set([keyUsage, subjectNames, basicConstraints, '2.5.29.32', '2.5.29.37'])

interface Extension { readonly oid: string; readonly isCritical: boolean; readonly value: Element }

function read(der: Uint8Array): Omit<Profile, 'hasSoundKey'> {
  const certificate = new Der(der).enter(tags.sequence)
  const extensions = readExtensions(certificate.enter(tags.sequence))
  const algorithm = readOid(certificate.enter(tags.sequence))
  const valueOf = (wanted: string): Der | undefined => {
    const found = extensions.find(({ oid }) => oid === wanted)
    return found && new Der(der, found.value.content, found.value.end)
  }
  const [constraints, usage, limits] = [basicConstraints, keyUsage, nameConstraints].map(valueOf)
  return {
    isSoundlySigned: sound.has(algorithm),
    pathLength: constraints && readPathLength(constraints),
    hasNames: valueOf(subjectNames) !== undefined,
    maySignLists: usage === undefined || readsListUsage(usage),
    excluded: limits === undefined ? [] : readExcluded(limits),
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

/** Bit 6 of a bit string whose first byte tells how many bits of the last are not used. */
function readsListUsage(value: Der): boolean {
  const { content, end } = value.take(tags.bitString)
  return content + 1 < end && ((value.bytes[content + 1] as number) & 0x02) !== 0
}

/** The DNS names of `excludedSubtrees`. */
function readExcluded(value: Der): string[] {
  const constraints = value.enter(tags.sequence)
  constraints.maybe(0xa0)
  const subtrees = constraints.maybe(0xa1)
  if (subtrees === undefined) return []
  const [list, found] = [constraints.inside(subtrees), [] as string[]]
  while (list.more) {
    const name = list.enter(tags.sequence).maybe(0x82)
    if (name !== undefined) found.push(Buffer.from(list.bytes.subarray(name.content, name.end)).toString('latin1').toLowerCase().replace(/^\./, ''))
  }
  return found
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
