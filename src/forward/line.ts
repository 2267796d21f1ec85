import { connect as connectPlain, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { ReceiverTls } from '../core/receiver.ts'

/** How to get to a URL of a receiver: a new socket, the event that says that it may be written to, and what `Host` says. */
export interface Line { readonly connect: () => Socket; readonly ready: 'connect' | 'secureConnect'; readonly host: string }

/** `http://…`, `https://…` (HTTP/1.1, the receiver's certificate is verified) or `unix:/path`. */
export function lineTo(url: string, tls: ReceiverTls): Line {
  if (url.startsWith('unix:')) {
    const path = url.slice('unix:'.length)
    return { connect: () => connectPlain({ path }), ready: 'connect', host: 'localhost' }
  }
  const { protocol, hostname, port, host } = new URL(url)
  const to = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || (protocol === 'https:' ? 443 : 80)) }
  if (protocol === 'http:') return { connect: () => connectPlain(to), ready: 'connect', host }
  const options = { ...to, ...tlsOptions(tls), ALPNProtocols: ['http/1.1'] }
  return { connect: () => connectTls(options), ready: 'secureConnect', host }
}

function tlsOptions({ ca, certificate, key, serverName }: ReceiverTls): object {
  return {
    ...(ca === undefined ? {} : { ca: [...ca] }),
    ...(certificate === undefined ? {} : { cert: certificate }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  }
}
