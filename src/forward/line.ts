import { connect as connectPlain, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Clock } from '../core/ports.ts'
import type { ReceiverTls } from '../core/receiver.ts'
import { Names } from './names.ts'

/** How to get to a URL of a receiver: a new socket, the event that says that it may be written to, and what `Host` says. */
export interface Line { readonly connect: () => Socket; readonly ready: 'connect' | 'secureConnect'; readonly host: string }

/** For everybody on one clock: whoever comes after a reload knows what was answered before. */
const names = new WeakMap<Clock, Names>()

/** `http://…`, `https://…` (HTTP/1.1, the receiver's certificate is verified) or `unix:/path`. */
export function lineTo(url: string, tls: ReceiverTls, clock: Clock): Line {
  if (url.startsWith('unix:')) {
    const path = url.slice('unix:'.length)
    return { connect: () => connectPlain({ path }), ready: 'connect', host: 'localhost' }
  }
  const { protocol, hostname, port, host } = new URL(url)
  const { lookup } = namesOf(clock)
  const to = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || (protocol === 'https:' ? 443 : 80)), lookup }
  if (protocol === 'http:') return { connect: () => connectPlain(to), ready: 'connect', host }
  const options = { ...to, ...tlsOptions(tls), ALPNProtocols: ['http/1.1'] }
  return { connect: () => connectTls(options), ready: 'secureConnect', host }
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
