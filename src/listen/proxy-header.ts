import type { Socket } from 'node:net'
import { readProxyHeader, type ProxyHeader } from '../addresses/proxy-protocol.ts'

/** A header, or why there is none. `silent`: the peer left without a byte, as balancers do to see whether we live. */
export type ProxyOutcome = ProxyHeader | { readonly state: 'invalid'; readonly why: string } | { readonly state: 'silent' }

/**
 * Takes the PROXY header off a socket, exactly: what came behind it is put back for whoever reads next. Calls back once,
 * before anything else can be read; nothing is called after `stop`.
 */
export function takeProxyHeader(socket: Socket, done: (outcome: ProxyOutcome) => void): { readonly stop: () => void } {
  let bytes: Buffer = Buffer.alloc(0)
  const stop = (): void => {
    socket.off('data', onData).off('end', onEnd).off('close', onEnd)
    socket.pause()
  }
  const finish = (outcome: ProxyOutcome): void => {
    stop()
    done(outcome)
  }
  const onData = (chunk: Buffer): void => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
    const reading = readProxyHeader(bytes)
    if (reading.state === 'more') return
    if (reading.state === 'header' && bytes.length > reading.length) {
      stop()
      socket.unshift(bytes.subarray(reading.length))
    }
    finish(reading)
  }
  const onEnd = (): void => finish(bytes.length === 0 ? { state: 'silent' } : { state: 'invalid', why: 'the connection ended within the header' })
  socket.on('data', onData).on('end', onEnd).on('close', onEnd)
  return { stop }
}
