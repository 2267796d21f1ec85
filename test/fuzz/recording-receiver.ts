import { createServer, type AddressInfo, type Socket } from 'node:net'
import { readStrictly, type Found } from './strict-reader.ts'

/** A receiver that reads what the gateway writes as strictly as can be, keeps it, and says 200. */
export interface RecordingReceiver {
  readonly port: number
  /** In the order of their ends. */
  readonly seen: Found[]
  /** What the gateway wrote that is no request to a strict reader: a finding, whatever it was. */
  readonly junk: string[]
  readonly close: () => Promise<void>
}

export async function startRecording(): Promise<RecordingReceiver> {
  const seen: Found[] = []
  const junk: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    let pending: Buffer = Buffer.alloc(0)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk])
      const { found, stop, used } = readStrictly(pending)
      pending = pending.subarray(used)
      if (found.length > 1) junk.push(`${found.length} requests written ahead of an answer`)
      if (stop !== 'end' && stop !== 'more') junk.push(`${stop}: ${JSON.stringify(pending.toString('latin1'))}`)
      for (const one of found) {
        seen.push(one)
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      }
    })
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  return {
    port: (server.address() as AddressInfo).port, seen, junk,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => { server.close(() => resolve()) })
    },
  }
}
