import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { Certificate } from '../certificates/certificate.ts'
import type { PeerCertificate } from '../core/delivery.ts'

const found = new WeakMap<TLSSocket, PeerCertificate | undefined>()

/**
 * The sender's certificate of a connection; undefined where none was sent. Read once per connection, and field by field
 * as asked for: a new connection pays only for what its route looks at. `authorities` are the listener's.
 */
export function peerCertificate(socket: TLSSocket, authorities: readonly X509Certificate[]): PeerCertificate | undefined {
  if (found.has(socket)) return found.get(socket)
  const leaf = socket.getPeerX509Certificate()
  // `authorized` alone says nothing: a resumed TLS 1.3 connection without a certificate has it, too (nodejs/node#35317).
  const certificate = leaf === undefined ? undefined : new Certificate(leaf, trustOf(socket), () => sentBehind(leaf), authorities)
  found.set(socket, certificate)
  return certificate
}

function trustOf(socket: TLSSocket): PeerCertificate['trust'] {
  if (socket.authorized) return 'trusted'
  // Typed as an Error, but a code: `CERT_HAS_EXPIRED`.
  return { error: String(socket.authorizationError ?? 'UNSPECIFIED') }
}

function sentBehind(leaf: X509Certificate): X509Certificate[] {
  const sent: X509Certificate[] = []
  for (let one = leaf.issuerCertificate; one !== undefined; one = one.issuerCertificate) sent.push(one)
  return sent
}
