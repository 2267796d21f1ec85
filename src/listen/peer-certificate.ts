import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { Certificate, type Shown } from '../certificates/certificate.ts'
import { parseSubjectNames } from '../certificates/text.ts'
import type { PeerCertificate } from '../core/delivery.ts'

const found = new WeakMap<TLSSocket, PeerCertificate | undefined>()

/**
 * The sender's certificate of a connection; undefined where none was sent. Read once per connection, and field by field
 * as asked for: a new connection pays only for what its route looks at. Who vouches for it is asked each time, so that a
 * reload counts on open connections, too.
 *
 * Nobody else may call `getPeerX509Certificate`: Node gives away the chain behind it once and forgets it then.
 */
export function peerCertificate(socket: TLSSocket, rules: Pick<Shown, 'met' | 'vouchers' | 'now'>): PeerCertificate | undefined {
  if (found.has(socket)) return found.get(socket)
  const leaf = shown.get(socket) ?? socket.getPeerX509Certificate()
  // `authorized` alone says nothing: a resumed TLS 1.3 connection without a certificate has it, too (nodejs/node#35317).
  const certificate = leaf === undefined ? undefined
    : new Certificate({ ...rules, leaf, sent: () => sentBehind(leaf), shownTo: () => ownUris(socket), verified: verdictOf(socket) })
  found.set(socket, certificate)
  return certificate
}

const shown = new WeakMap<TLSSocket, X509Certificate>()

/**
 * Keeps the certificate of a handshake that is under way, so that the record names whom Node is about to refuse
 * (`mode: require`): it tells of that only when the certificate is gone.
 */
export function keepShown(socket: TLSSocket): void {
  socket.prependOnceListener('secure', () => {
    const leaf = socket.getPeerX509Certificate()
    if (leaf !== undefined) shown.set(socket, leaf)
  })
}

function verdictOf(socket: TLSSocket): PeerCertificate['trust'] {
  if (socket.authorized) return 'trusted'
  // Typed as an Error, but a code: `CERT_HAS_EXPIRED`.
  return { error: String(socket.authorizationError ?? 'UNSPECIFIED') }
}

function sentBehind(leaf: X509Certificate): X509Certificate[] {
  const sent: X509Certificate[] = []
  for (let one = leaf.issuerCertificate; one !== undefined; one = one.issuerCertificate) sent.push(one)
  return sent
}

function ownUris(socket: TLSSocket): string[] {
  return parseSubjectNames(socket.getX509Certificate()?.subjectAltName).flatMap(({ type, value }) => (type === 'uri' ? [value] : []))
}
