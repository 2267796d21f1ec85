import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

interface Test { readonly teardown: (run: () => unknown) => unknown }

/** How a balancer writes: the sender's first bytes → what goes out, packet by packet. */
export type Opening = (first: Buffer) => readonly Buffer[]

/** The header and the sender's first bytes in one packet. */
export const joined = (header: Buffer): Opening => (first) => [Buffer.concat([header, first])]
/** The header in a packet of its own. */
export const apart = (header: Buffer): Opening => (first) => [header, first]
/** The header byte by byte, its last byte together with the sender's first. */
export const dripping = (header: Buffer): Opening => (first) => [
  ...Array.from(header.subarray(0, -1), (byte) => Buffer.of(byte)), Buffer.concat([header.subarray(-1), first]),
]

/** A balancer in front of a port; gives its own port. */
export async function startRelay(t: Test, port: number, opening: Opening): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((sender) => {
    const gateway = connect({ host: '127.0.0.1', port, noDelay: true })
    for (const socket of [sender, gateway]) {
      sockets.add(socket)
      socket.on('error', () => { sender.destroy(); gateway.destroy() })
    }
    gateway.pipe(sender)
    sender.once('data', (first) => {
      sender.pause()
      void writeApart(gateway, opening(first)).then(() => { sender.pipe(gateway) })
    })
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** Each one a packet: the next is written when the one before has left, and the reader had its turn. */
async function writeApart(socket: Socket, packets: readonly Buffer[]): Promise<void> {
  for (const packet of packets) {
    await new Promise<void>((resolve) => { socket.write(packet, () => resolve()) })
    await new Promise<void>((resolve) => { setImmediate(resolve) })
  }
}
