import { connect as connectPlain, type Socket, type TcpNetConnectOpts as NetConnectOpts } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Clock } from '../core/ports.ts'
import type { ReceiverTls } from '../core/receiver.ts'
import { Names } from './names.ts'

/** How to get to a URL of a receiver. */
export interface Line {
  /** A new socket. Who takes what comes by this function gets it from no stream: `data` says nothing then. */
  readonly connect: (take?: Take) => Socket
  /** The event that says that it may be written to. */
  readonly ready: 'connect' | 'secureConnect'
  /** What `Host` says. */
  readonly host: string
}
type Take = (bytes: Buffer) => void

/** For everybody on one clock: whoever comes after a reload knows what was answered before. */
const names = new WeakMap<Clock, Names>()

/** `http://…`, `https://…` (HTTP/1.1, the receiver's certificate is verified) or `unix:/path`. */
export function lineTo(url: string, tls: ReceiverTls, clock: Clock): Line {
  if (url.startsWith('unix:')) {
    const path = url.slice('unix:'.length)
    return { connect: (take) => connectPlain({ path, ...into(take) }), ready: 'connect', host: 'localhost' }
  }
  const { protocol, hostname, port, host } = new URL(url)
  const { lookup } = namesOf(clock)
  const to = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || (protocol === 'https:' ? 443 : 80)), lookup }
  if (protocol === 'http:') return { connect: (take) => connectPlain({ ...to, ...into(take) }), ready: 'connect', host }
  const options = { ...to, ...tlsOptions(tls), ALPNProtocols: ['http/1.1'] }
  return { connect: (take) => connectTls({ ...options, ...into(take) }), ready: 'secureConnect', host }
}

/** Where every connection reads, one after the other. */
const room = Buffer.allocUnsafeSlow(64 * 1024)

/** What is read is copied and handed over: memory of its own for each piece, and a stream for it to pass through, cost more than the copy. */
function into(take: Take | undefined): Pick<NetConnectOpts, 'onread'> {
  if (take === undefined) return {}
  const callback = (length: number): boolean => {
    take(Buffer.from(room.subarray(0, length)))
    return true
  }
  return { onread: { buffer: room, callback } }
}

function namesOf(clock: Clock): Names {
  const found = names.get(clock) ?? new Names(clock)
  names.set(clock, found)
  return found
}

function tlsOptions({ ca, certificate, key, serverName }: ReceiverTls): object {
  return {
    ...(ca === undefined ? {} : { ca: [...ca] }),
    ...(certificate === undefined ? {} : { cert: certificate }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  }
}
