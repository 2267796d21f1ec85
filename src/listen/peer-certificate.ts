import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { Certificate, type Shown } from '../certificates/certificate.ts'
import { Readings } from '../certificates/readings.ts'
import { parseSubjectNames } from '../certificates/text.ts'
import type { PeerCertificate } from '../core/delivery.ts'

/** Kept on the connection itself: a `WeakMap` with an entry for each costs every collection of the garbage. */
const found = Symbol('certificate')
const shown = Symbol('shown')

interface Met extends TLSSocket {
  [found]?: PeerCertificate | 'none' | undefined
  [shown]?: X509Certificate | undefined
}

/** The certificates of senders that connect anew for each delivery; a certificate of a partner has 400 to 1,500 bytes. */
const readings = new Readings({ entries: 1_024, bytes: 2 * 1024 * 1024 })

/**
 * The sender's certificate of a connection; undefined where none was sent. Read once per connection, and field by field
 * as asked for: a new connection pays only for what its route looks at, and for nothing that was read on another. Who
 * vouches for it is asked each time, so that a reload counts on open connections, too.
 *
 * Nobody else may call `getPeerX509Certificate`: Node gives away the chain behind it once and forgets it then.
 */
export function peerCertificate(socket: TLSSocket, rules: Pick<Shown, 'met' | 'vouchers' | 'now'>): PeerCertificate | undefined {
  const met: Met = socket
  met[found] ??= readCertificate(met, rules) ?? 'none'
  return met[found] === 'none' ? undefined : met[found]
}

function readCertificate(socket: Met, { met, vouchers, now }: Pick<Shown, 'met' | 'vouchers' | 'now'>): PeerCertificate | undefined {
  const leaf = socket[shown] ?? socket.getPeerX509Certificate()
  // `authorized` alone says nothing: a resumed TLS 1.3 connection without a certificate has it, too (nodejs/node#35317).
  return leaf && new Certificate({ met, vouchers, now, readings, leaf, sent: () => sentBehind(leaf), shownTo: () => ownUris(socket), verified: verdictOf(socket) })
}

/**
 * Keeps the certificate of a handshake that is under way, so that the record names whom Node is about to refuse
 * (`mode: require`): it tells of that only when the certificate is gone.
 */
export function keepShown(socket: TLSSocket): void {
  socket.prependListener('secure', keep)
}

/** `secure` comes once a connection: nobody negotiates anew here. */
function keep(this: Met): void {
  this[shown] = this.getPeerX509Certificate()
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
