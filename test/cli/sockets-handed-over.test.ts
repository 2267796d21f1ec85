import { spawn } from 'node:child_process'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { once } from 'node:events'
import { resolve } from 'node:path'
import t from 'tap'
import { inheritedSockets } from '../../src/surroundings.ts'
import { run, watch, type Running } from '../support/binary.ts'
import { freePorts, post } from '../support/operated.ts'
import { startReceiver } from '../support/receiver.ts'
import { rawTls } from '../support/raw.ts'
import { makeSite } from '../support/site.ts'

/** A service manager holds the listening socket, so that a restart refuses no connection (sd_listen_fds(3)). */

void t.test('sockets are taken only by the process that they are for', (t) => {
  const of = (variables: Record<string, string>) => inheritedSockets((name) => variables[name], 7)
  t.same(of({ LISTEN_PID: '7', LISTEN_FDS: '2' }), [3, 4])
  for (const bad of [{}, { LISTEN_FDS: '2' }, { LISTEN_PID: '8', LISTEN_FDS: '2' }, { LISTEN_PID: '7', LISTEN_FDS: '0' }, { LISTEN_PID: '7', LISTEN_FDS: '-1' }, { LISTEN_PID: '7', LISTEN_FDS: '1x' }]) t.same(of(bad as Record<string, string>), [])
  t.end()
})

/** Plays the service manager: hands the socket over as file descriptor 3; `exec` keeps the process id. */
function startWith(socket: Server, directory: string): Running {
  const { NODE_OPTIONS: _, ...env } = process.env
  const program = resolve(import.meta.dirname, '../../dist/main.js')
  const handle = (socket as unknown as { _handle: { fd: number } })._handle
  return watch(spawn('sh', ['-c', `LISTEN_PID=$$ LISTEN_FDS=1 exec ${process.execPath} ${program} run -c sallyport.yaml`], {
    cwd: directory, env, stdio: ['ignore', 'pipe', 'pipe', handle.fd],
  }))
}

for (const workers of [1, 2]) {
  void t.test(`workers: ${workers}: a restart refuses no connection`, async (t) => {
    await run(['--help'])
    const receiver = await startReceiver()
    t.teardown(() => receiver.close())
    const site = await makeSite(t)
    // It listens, and this process never accepts: what connects while no gateway runs waits in the socket.
    const socket = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
    await once(socket, 'listening')
    const { port } = socket.address() as AddressInfo
    const [admin] = await freePorts(1)
    site.write('sallyport.yaml', JSON.stringify({
      listeners: [{ address: `127.0.0.1:${port}`, tls: { certificate: 'server.pem', key: 'server.key' } }], workers,
      receivers: { target: { url: receiver.url } }, replay: { store: 'file:nonces' }, log: { audit: 'file:audit.log' }, admin: { address: `127.0.0.1:${admin}` },
      routes: [{ name: 'hook', match: { path: '/hook' }, open: true, forward: { to: 'target' } }],
    }))
    const first = startWith(socket, site.directory)
    await first.says(/sallyport listens/)
    const handle = (socket as unknown as { _handle: { onconnection: unknown; unref: () => void } })._handle
    t.ok(handle)
    const deliver = async (): Promise<number> => {
      const client = await rawTls(port, { rejectUnauthorized: false })
      const { status } = await client.send(post('/hook')).response()
      client.close()
      return status
    }
    t.equal(await deliver(), 200)
    first.process.kill('SIGTERM')
    t.equal((await first.exited).code, 0)
    socket.close()
  })
}
