import { connect as connectPlain, type Socket } from 'node:net'
import { makeRequest, openConnection, path, sendOnce, type Door } from './sender.ts'

/** Ways to be a bad sender. Each resolves when its connection is gone, which the longest of them leaves to the gateway. */
export type Trouble = (doors: Doors) => Promise<unknown>

export interface Doors { readonly sender: Door, readonly stranger: Door }

const patience = 20_000

/** Resolves once a socket is gone; breaks it after `longest` milliseconds. */
function gone(socket: Socket, longest: number = patience): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => socket.destroy(), longest)
    socket.on('error', () => socket.destroy())
    socket.on('end', () => socket.destroy())
    socket.on('close', () => {
      clearTimeout(timer)
      resolve()
    })
    socket.resume()
  })
}

function writes(door: Door, text: string | Buffer): Promise<void> {
  const socket = openConnection(door)
  socket.write(text)
  return gone(socket)
}

/** Writes a piece again and again, until the gateway has enough. */
function drips(door: Door, first: string, piece: string | Buffer, every: number): Promise<void> {
  const socket = openConnection(door)
  socket.write(first)
  const timer = setInterval(() => { if (socket.writableLength < 1_000_000) socket.write(piece) }, every)
  return gone(socket).finally(() => clearInterval(timer))
}

function cuts(door: Door, text: string | Buffer, after: number): Promise<void> {
  const socket = openConnection(door)
  socket.write(text)
  return gone(socket, after)
}

const head = (framing: string): string => `POST ${path} HTTP/1.1\r\nHost: localhost\r\nX-Hub-Signature-256: sha256=00\r\n${framing}\r\n\r\n`
const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(0x10000, 0x61), Buffer.from('\r\n')])

export const troubles: Readonly<Record<string, Trouble>> = {
  'forged signature': ({ sender }) => sendOnce(sender, makeRequest('close', 'forged')),
  'replayed': async ({ sender }) => {
    const request = makeRequest('close')
    await sendOnce(sender, request)
    await sendOnce(sender, request)
  },
  'no certificate': ({ stranger }) => sendOnce(stranger, makeRequest('close')),
  'two hosts': ({ sender }) => writes(sender, `POST ${path} HTTP/1.1\r\nHost: localhost\r\nHost: b\r\nContent-Length: 0\r\n\r\n`),
  'two framings': ({ sender }) => writes(sender, head('Content-Length: 5\r\nTransfer-Encoding: chunked')),
  'no HTTP': ({ sender }) => writes(sender, Buffer.alloc(3000, 0xfe)),
  'no TLS': ({ sender }) => {
    const socket = connectPlain(sender.port, '127.0.0.1')
    socket.write('GET / HTTP/1.0\r\n\r\n')
    return gone(socket)
  },
  'long header': ({ sender }) => writes(sender, head(`X-Long: ${'a'.repeat(100_000)}`)),
  'silent handshake': ({ sender }) => gone(connectPlain(sender.port, '127.0.0.1')),
  'cut handshake': ({ sender }) => {
    const socket = connectPlain(sender.port, '127.0.0.1')
    socket.write(Buffer.from('16030100fa010000f60303', 'hex'))
    return gone(socket, 200)
  },
  'slow head': ({ sender }) => drips(sender, `POST ${path} HTTP/1.1\r\nHost: localhost\r\nX-Slow: `, 'a', 500),
  'slow body': ({ sender }) => drips(sender, head('Content-Length: 2000'), 'a', 500),
  'slow chunks': ({ sender }) => drips(sender, head('Transfer-Encoding: chunked'), '1\r\na\r\n', 500),
  'huge, announced': ({ sender }) => writes(sender, head('Content-Length: 100000000')),
  'huge, in chunks': ({ sender }) => drips(sender, head('Transfer-Encoding: chunked'), chunk, 10),
  'cut head': ({ sender }) => cuts(sender, `POST ${path} HTTP/1.1\r\nHost: loc`, 300),
  'cut body': ({ sender }) => cuts(sender, makeRequest('close').subarray(0, 1200), 300),
  'gone before the answer': ({ sender }) => cuts(sender, makeRequest('close'), 3),
}
