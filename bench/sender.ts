import { createHmac, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect, type SecureContext, type TLSSocket, createSecureContext } from 'node:tls'
import type { Certificates } from './certificates.ts'

/** What every delivery of the benchmark is signed with, in GitHub's manner. */
export const secret = 'benchmark-secret-of-32-characters'
export const path = '/hook'
const bodyBytes = 2048

/** Where a gateway listens, and with what it is spoken to. */
export interface Door { readonly port: number; readonly context: SecureContext }

/** `close`: the sender will close, as senders that connect anew for each delivery say. */
export type Manner = 'keep-alive' | 'close'

/**
 * The same key exchange and cipher for every gateway, so that what differs is the gateway. No session is resumed: where
 * client certificates are asked for, resumption is switched off.
 */
export function contextOf(certificates: Certificates, as: 'sender' | 'stranger'): SecureContext {
  const identity = as === 'stranger' ? {} : { cert: readFileSync(certificates.sender), key: readFileSync(certificates.senderKey) }
  return createSecureContext({
    ca: readFileSync(certificates.ca), ecdhCurve: 'X25519', minVersion: 'TLSv1.3',
    ciphers: 'TLS_AES_128_GCM_SHA256', ...identity,
  })
}

export function openConnection(door: Door): TLSSocket {
  const socket = connect({ port: door.port, host: '127.0.0.1', servername: 'localhost', secureContext: door.context })
  socket.setNoDelay(true)
  return socket
}

const filling = randomBytes(bodyBytes).toString('hex').slice(0, bodyBytes - 64)
const seed = randomBytes(12).toString('hex')
let made = 0

/** A request that nobody saw before, signed afresh, ready to be written. */
export function makeRequest(manner: Manner, as: 'signed' | 'forged' = 'signed'): Buffer {
  made += 1
  const serial = `${seed}${String(made).padStart(12, '0')}`
  const body = `{"serial":"${serial}","filling":"${filling}"}`.padEnd(bodyBytes, ' ')
  const mac = createHmac('sha256', as === 'signed' ? secret : 'not-the-secret').update(body).digest('hex')
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: GitHub-Hookshot/bench\r\nAccept: */*\r\n` +
    `X-GitHub-Delivery: ${serial}\r\nX-GitHub-Event: push\r\nX-Hub-Signature-256: sha256=${mac}\r\n` +
    `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n` +
    `${manner === 'close' ? 'Connection: close\r\n' : ''}\r\n${body}`, 'latin1')
}

/** The status of the response in `text` once it is complete; undefined before. Knows framing by length and by chunks. */
export function completeStatus(text: string): number | undefined {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return undefined
  const status = Number(text.slice(9, 12))
  const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, end + 2))?.[1]
  if (length !== undefined) return text.length - end - 4 >= Number(length) ? status : undefined
  if (status === 204 || status === 304) return status
  return text.endsWith('\r\n0\r\n\r\n') ? status : undefined
}

/** Sends one request over a connection of its own. Resolves to its status; 0 where the connection was dropped instead. */
export function sendOnce(door: Door, request: Buffer): Promise<number> {
  return new Promise((resolve) => {
    const socket = openConnection(door)
    let text = ''
    let status: number | undefined
    socket.on('error', () => socket.destroy())
    socket.on('close', () => resolve(status ?? 0))
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      status = completeStatus(text)
      if (status !== undefined) socket.end()
    })
    socket.write(request)
  })
}
