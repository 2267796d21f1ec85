import { createServer, type Server, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'

/** The service behind every gateway: as little work as HTTP/1.1 with keep-alive allows, and a count. */
export interface CountingReceiver {
  readonly port: number
  readonly count: () => number
  readonly close: () => void
}

const reply = Buffer.from('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok')
const headEnd = Buffer.from('\r\n\r\n')

export function startReceiver(): Promise<CountingReceiver> {
  let received = 0
  const open = new Set<Socket>()
  const server: Server = createServer({ noDelay: true }, (socket) => {
    open.add(socket)
    let rest: Buffer = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      for (let length = requestLength(rest); length !== undefined && length <= rest.length; length = requestLength(rest)) {
        rest = rest.subarray(length)
        received += 1
        socket.write(reply)
      }
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => open.delete(socket))
  })
  const close = (): void => {
    server.close()
    for (const socket of open) socket.destroy()
  }
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => {
    resolve({ port: (server.address() as AddressInfo).port, count: () => received, close })
  }))
}

/** The whole length of the request at the start of `bytes`; undefined until its head is complete. */
function requestLength(bytes: Buffer): number | undefined {
  const end = bytes.indexOf(headEnd)
  if (end === -1) return undefined
  const length = /\r\ncontent-length: *(\d+)/i.exec(bytes.toString('latin1', 0, end))?.[1]
  if (length === undefined) throw new Error('the gateway under test forwarded a body without Content-Length')
  return end + 4 + Number(length)
}
