import { createServer, type AddressInfo, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'

/** One request as it came over the wire. */
export interface Seen {
  /** `POST /path HTTP/1.1` */
  readonly line: string
  /** name, value, name, value … as written. */
  readonly headers: readonly string[]
  readonly body: Buffer
  /** Which connection, counted from 1. */
  readonly connection: number
}

/** Answers a request by writing to its socket; `nth` counts the requests of this receiver from 1. */
export type Script = (socket: Socket, seen: Seen, nth: number) => void

export interface TestReceiver {
  readonly url: string
  readonly port: number
  readonly seen: Seen[]
  connections: number
  /** Takes effect with the next request. */
  script: Script
  /** Resolves once so many requests were seen. */
  readonly sawAtLeast: (count: number) => Promise<void>
  readonly close: () => Promise<void>
}

export interface ReceiverOptions {
  readonly script?: Script
  readonly tls?: TlsOptions
  /** Left out: any free one. */
  readonly port?: number
  /** Listens on this Unix socket instead of a port. */
  readonly socketPath?: string
}

/** 200 and `ok`. */
export const answerOk: Script = (socket) => {
  socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok')
}

/** An answer of these very bytes; the connection stays open. */
export function answer(text: string): Script {
  return (socket) => { socket.write(text, 'latin1') }
}

/** An answer of these very bytes, and then the end of the connection. */
export function answerAndClose(text: string): Script {
  return (socket) => { socket.end(text, 'latin1') }
}

/** A receiver on loopback that records what it was sent, byte for byte, and answers as its script says. */
export async function startReceiver({ script = answerOk, tls, socketPath, port: wanted = 0 }: ReceiverOptions = {}): Promise<TestReceiver> {
  const sockets = new Set<Socket>()
  const waiting: (() => void)[] = []
  const server = tls === undefined ? createServer() : createTlsServer(tls)
  server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
    const connection = ++receiver.connections
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined)
    readRequests(socket, connection, (seen) => {
      receiver.seen.push(seen)
      receiver.script(socket, seen, receiver.seen.length)
      for (const wake of waiting.splice(0)) wake()
    })
  })
  await new Promise<void>((resolve) => socketPath === undefined ? server.listen(wanted, '127.0.0.1', resolve) : server.listen(socketPath, resolve))
  const port = socketPath === undefined ? (server.address() as AddressInfo).port : 0
  const receiver: TestReceiver = {
    url: socketPath === undefined ? `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}` : `unix:${socketPath}`,
    port, seen: [], connections: 0, script,
    async sawAtLeast(count) {
      while (receiver.seen.length < count) await new Promise<void>((resolve) => waiting.push(resolve))
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
  return receiver
}

/** Framing by Content-Length alone: a chunked request would show as junk. */
function readRequests(socket: Socket, connection: number, take: (seen: Seen) => void): void {
  let pending: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    pending = Buffer.concat([pending, chunk])
    for (let end = pending.indexOf('\r\n\r\n'); end !== -1; end = pending.indexOf('\r\n\r\n')) {
      const [line = '', ...lines] = pending.subarray(0, end).toString('latin1').split('\r\n')
      const headers = lines.flatMap((text) => [text.slice(0, text.indexOf(':')), text.slice(text.indexOf(':') + 1).trim()])
      const length = Number(headers[headers.findIndex((name, at) => at % 2 === 0 && name.toLowerCase() === 'content-length') + 1] ?? 0) || 0
      if (pending.length < end + 4 + length) return
      const body = pending.subarray(end + 4, end + 4 + length)
      pending = pending.subarray(end + 4 + length)
      take({ line, headers, body, connection })
    }
  })
}
