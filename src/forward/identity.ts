import type { NamePart, PeerCertificate } from '../core/delivery.ts'
import type { CertificateHeader } from '../core/policy.ts'

/**
 * The sender's certificate, told to the receiver. The leaf is encoded once, whatever connection shows it; each other form once for a certificate's
 * connection, and again only where a reload changed what stands above it.
 */
export function certificateLines(certificate: PeerCertificate, headers: readonly CertificateHeader[]): string[] {
  const lines: string[] = []
  for (const header of headers) {
    const value = encoders[header](certificate)
    if (value !== '') lines.push(header, value)
  }
  return lines
}

const encoders: Record<CertificateHeader, (certificate: PeerCertificate) => string> = {
  'Client-Cert': ({ der }) => leafSequence(der),
  // RFC 9440 §2.3: never the leaf; the root may be left out, and is: what the sender sent and what we know of it are told alike.
  'Client-Cert-Chain': once(aboveIt, ({ intermediates }) => intermediates.map(byteSequence).join(', ')),
  'X-Forwarded-Client-Cert': once(aboveIt, forwardedClientCert),
}

function aboveIt({ intermediates }: PeerCertificate): unknown {
  return intermediates
}

/** `of`: encoded anew where this is not the same any more. */
function once(of: (certificate: PeerCertificate) => unknown, encode: (certificate: PeerCertificate) => string) {
  const known = new WeakMap<PeerCertificate, { readonly of: unknown; readonly value: string }>()
  return (certificate: PeerCertificate): string => {
    const found = known.get(certificate)
    const now = of(certificate)
    if (found !== undefined && found.of === now) return found.value
    const value = encode(certificate)
    known.set(certificate, { of: now, value })
    return value
  }
}

/** The next connection shows the same bytes. */
const sequences = new WeakMap<Uint8Array, string>()

function leafSequence(der: Uint8Array): string {
  const known = sequences.get(der)
  if (known !== undefined) return known
  const value = byteSequence(der)
  sequences.set(der, value)
  return value
}

/** RFC 8941 §3.3.5. */
function byteSequence(bytes: Uint8Array): string {
  return `:${Buffer.from(bytes).toString('base64')}:`
}

/**
 * Envoy's form of one hop: `By=…;Hash=…;Cert="…";Chain="…";Subject="…";URI=…;DNS=…`
 * (envoyproxy.io, HTTP connection manager, x-forwarded-client-cert). Names that hold a quotation mark or a backslash are left
 * out: parsers differ about them, and no URI or host name may hold one.
 */
function forwardedClientCert({ der, intermediates, fingerprint, subject, names, shownTo }: PeerCertificate): string {
  const own = urlEncodedPem(der)
  const of = (type: 'uri' | 'dns') => names.flatMap((name) => (name.type === type && isPlain(name.value) ? [name.value] : []))
  const pairs = [
    ...shownTo.filter(isPlain).map((uri) => `By=${quoteWhereNeeded(uri)}`),
    `Hash=${fingerprint}`, `Cert="${own}"`, `Chain="${own}${intermediates.map(urlEncodedPem).join('')}"`, `Subject="${distinguishedName(subject)}"`,
    ...of('uri').map((uri) => `URI=${quoteWhereNeeded(uri)}`), ...of('dns').map((name) => `DNS=${quoteWhereNeeded(name)}`),
  ]
  return pairs.join(';')
}

function isPlain(value: string): boolean {
  return !/["\\]/.test(value)
}

function quoteWhereNeeded(value: string): string {
  return /[,;=]/.test(value) ? `"${value}"` : value
}

const urlEncoded: Readonly<Record<string, string>> = { '\n': '%0A', ' ': '%20', '+': '%2B', '/': '%2F', '=': '%3D' }

function urlEncodedPem(der: Uint8Array): string {
  const lines = Buffer.from(der).toString('base64').replaceAll(/.{64}(?=.)/g, '$&\n')
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`.replaceAll(/[\n +/=]/g, (one) => urlEncoded[one] ?? one)
}

/**
 * RFC 2253: last part first. What could end the quotation around it (`"`, `\`), and whatever is no visible ASCII, is escaped
 * as two hex digits, which the RFC allows for any octet: so no backslash ever stands before a quotation mark.
 */
function distinguishedName(subject: readonly NamePart[]): string {
  return [...subject].reverse().map(({ type, value }) => `${type}=${escapeValue(Buffer.from(value, 'utf8'))}`).join(',')
}

function escapeValue(bytes: Uint8Array): string {
  return Array.from(bytes, (byte, at) => {
    const isEdge = at === 0 || at === bytes.length - 1
    if (byte < 0x20 || byte > 0x7e || byte === 0x22 || byte === 0x5c || (isEdge && (byte === 0x20 || byte === 0x23))) return hexEscape(byte)
    const one = String.fromCharCode(byte)
    return ',+<>;'.includes(one) ? `\\${one}` : one
  }).join('')
}

function hexEscape(byte: number): string {
  return `\\${byte.toString(16).toUpperCase().padStart(2, '0')}`
}
