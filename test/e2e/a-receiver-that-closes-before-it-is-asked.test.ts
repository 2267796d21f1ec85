import { connect, createServer, type AddressInfo, type Server } from 'node:net'
import { createServer as createTls } from 'node:tls'
import t, { type Test } from 'tap'
import { startGateway } from '../support/gateway.ts'
import { post } from '../support/operated.ts'
import { makePki } from '../support/pki.ts'
import { rawTls } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

/**
 * A receiver that closes in one go with the end of its handshake (TLS 1.2: the last word of that is the server's): the request is
 * on its way in the gateway, and not one byte of it was written. So the next URL may be asked.
 */
/** Hands on what comes; from the client's second word on (the end of its handshake) what the server says goes in one piece with its end. */
function inOnePiece(port: number): Server {
  return createServer((client) => {
    const server = connect(port, '127.0.0.1')
    const held: Buffer[] = []
    let words = 0
    client.on('error', () => undefined).on('data', (chunk) => {
      words += 1
      server.write(chunk)
    })
    server.on('error', () => undefined).on('end', () => client.end(Buffer.concat(held))).on('data', (chunk) => {
      if (words < 2) client.write(chunk)
      else held.push(chunk)
    })
  })
}

async function portOf(t: Test, server: Server): Promise<number> {
  await new Promise<void>((listening) => { server.listen(0, '127.0.0.1', listening) })
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

t.test('the other URL is asked, and the sender hears nothing of it', async (t) => {
  const { ca } = await makePki()
  const { chain, key } = await ca.server()
  const closing = createTls({ cert: chain, key, maxVersion: 'TLSv1.2' }, (socket) => { socket.on('error', () => undefined).end() })
  const port = await portOf(t, inOnePiece(await portOf(t, closing)))
  const alive = await startReceiver({ tls: { cert: chain, key } })
  t.teardown(() => alive.close())
  const url = [`https://localhost:${port}`, `https://localhost:${alive.port}`]
  const gateway = await startGateway(t, {
    receiver: 0, routes: [{ open: true }], files: () => Promise.resolve({ 'receiver.pem': ca.certificate }),
    settings: { receivers: { target: { url, timeout: '5s', ca: ['receiver.pem'] } } },
  })
  for (let nth = 0; nth < 10; nth++) {
    const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate })
    t.teardown(() => client.close())
    t.equal((await client.send(post('/hook')).response()).status, 200)
  }
  t.equal(alive.seen.length, 10, 'each once')
})
