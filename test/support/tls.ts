import { once } from 'node:events'
import { createServer, type Server, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import type { Test } from 'tap'

/** A raw TLS listener on loopback and the server's side of each connection; closed at the end of the test. */
export interface TlsServer {
  readonly server: Server
  readonly port: number
  /** Connects, and waits for the server's side. Undefined where the handshake was refused. */
  readonly meet: (options?: ConnectionOptions) => Promise<Meeting | undefined>
}

export interface Meeting { readonly server: TLSSocket; readonly client: TLSSocket }

export async function listenTls(t: Test, options: ServerOptions): Promise<TlsServer> {
  const server = createServer(options, (_, response) => response.end('ok'))
  const sockets = new Set<TLSSocket>()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const meet = async (asked: ConnectionOptions = {}): Promise<Meeting | undefined> => {
    const met = Promise.race([
      once(server, 'secureConnection').then(([socket]) => socket as TLSSocket), once(server, 'tlsClientError').then(() => undefined),
    ])
    const client = connect({ port, host: '127.0.0.1', servername: 'localhost', rejectUnauthorized: false, ...asked })
    sockets.add(client)
    client.on('error', () => undefined) // refused handshakes show here, too; the server's view is what counts
    const socket = await met
    if (socket === undefined) return undefined
    sockets.add(socket)
    socket.on('error', () => undefined)
    if (client.getProtocol() === null || client.connecting) await once(client, 'secureConnect')
    return { server: socket, client }
  }
  return { server, port, meet }
}
