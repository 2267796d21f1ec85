import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { Certificate, type Shown } from '../certificates/certificate.ts'
import { isBelowRoots, isUsual } from '../certificates/chain.ts'
import { certificateInSession } from '../certificates/in-session.ts'
import { parseDer } from '../certificates/pem.ts'
import { Readings } from '../certificates/readings.ts'
import { parseSubjectNames } from '../certificates/text.ts'
import type { PeerCertificate } from '../core/delivery.ts'

/** Kept on the connection itself: a `WeakMap` with an entry for each costs every collection of the garbage. */
const found = Symbol('certificate')
const shown = Symbol('shown')

interface Met extends TLSSocket {
  [found]?: PeerCertificate | 'none' | undefined
  /** DER, one character a byte; as Node reads it where the session does not tell. */
  [shown]?: string | X509Certificate | undefined
}

type Rules = Pick<Shown, 'met' | 'vouchers' | 'now'>

/** The certificates of senders that connect anew for each delivery; a certificate of a partner has 400 to 1,500 bytes. */
const readings = new Readings({ entries: 1_024, bytes: 2 * 1024 * 1024 })

/**
 * The sender's certificate of a connection; undefined where none was sent. Read once per connection, and field by field
 * as asked for: a new connection pays only for what its route looks at, and for nothing that was read on another. Who
 * vouches for it is asked each time, so that a reload counts on open connections, too.
 *
 * Nobody else may call `getPeerX509Certificate`: Node gives away the chain behind it once and forgets it then.
 */
export function peerCertificate(socket: TLSSocket, rules: Rules): PeerCertificate | undefined {
  const met: Met = socket
  met[found] ??= readCertificate(met, rules) ?? 'none'
  return met[found] === 'none' ? undefined : met[found]
}

/** For a connection that has closed: what was read of it is for whoever has it already. */
export function forgetCertificate(socket: TLSSocket): void {
  const met: Met = socket
  met[found] = undefined
  met[shown] = undefined
}

function readCertificate(socket: Met, { met, vouchers, now }: Rules): PeerCertificate | undefined {
  const verified = verdictOf(socket)
  const shownTo = (): string[] => ownUris(socket)
  const common = { met, vouchers, now, readings, shownTo, verified }
  const known = verified === 'trusted' ? recall(socket, met.vouchers) : undefined
  const leaf = known ?? leafOf(socket)
  // `authorized` alone says nothing: a resumed TLS 1.3 connection without a certificate has it, too (nodejs/node#35317).
  if (leaf === undefined) return undefined
  const isAlone = (): boolean => isBelowRoots(leaf, met.vouchers.authorities) && isBelowRoots(leaf, vouchers().authorities)
  return new Certificate({ ...common, leaf, sent: known === undefined ? sentWith(leaf, isAlone) : sentLater(socket, isAlone) })
}

/**
 * One that was trusted before, and stands right below a root: for Node to copy it, and what was sent behind it, out of the
 * handshake costs more than all that is asked of it (docs/decisions/0207).
 */
function recall(socket: Met, { authorities }: Shown['met']['vouchers']): X509Certificate | undefined {
  socket[shown] ??= textInSession(socket)
  const known = typeof socket[shown] === 'string' ? readings.recall(socket[shown])?.x509 : undefined
  return known !== undefined && isBelowRoots(known, authorities) ? known : undefined
}

/** Right below roots junk counts for nothing, whether the certificate is known or not. */
function sentWith(leaf: X509Certificate, isAlone: () => boolean): Shown['sent'] {
  return () => {
    const sent = sentBehind(leaf)
    return isUsual(sent) || !isAlone() ? sent : []
  }
}

/** What was sent counts where a reload names other authorities; from a connection that is gone it is not to be had, and was nothing. */
function sentLater(socket: TLSSocket, isAlone: () => boolean): Shown['sent'] {
  let sent: X509Certificate[] | undefined
  return () => (isAlone() ? [] : sent ??= sentBehind(socket.getPeerX509Certificate()))
}

function leafOf(socket: Met): X509Certificate | undefined {
  const kept = socket[shown]
  if (typeof kept === 'object') return kept
  return socket.getPeerX509Certificate() ?? (kept === undefined ? undefined : parseDer(Buffer.from(kept, 'latin1')))
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
  this[shown] = textInSession(this) ?? this.getPeerX509Certificate()
}

/** A session holds the secret of its connection, too. */
function textInSession(socket: TLSSocket): string | undefined {
  const session = socket.getSession()
  const text = session && certificateInSession(session)?.toString('latin1')
  session?.fill(0)
  return text
}

function verdictOf(socket: TLSSocket): PeerCertificate['trust'] {
  if (socket.authorized) return 'trusted'
  // Typed as an Error, but a code: `CERT_HAS_EXPIRED`.
  return { error: String(socket.authorizationError ?? 'UNSPECIFIED') }
}

function sentBehind(leaf: X509Certificate | undefined): X509Certificate[] {
  const sent: X509Certificate[] = []
  for (let one = leaf?.issuerCertificate; one !== undefined; one = one.issuerCertificate) sent.push(one)
  return sent
}

function ownUris(socket: TLSSocket): string[] {
  return parseSubjectNames(socket.getX509Certificate()?.subjectAltName).flatMap(({ type, value }) => (type === 'uri' ? [value] : []))
}
