import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import t from 'tap'
import { inheritedSockets } from '../../src/surroundings.ts'
import { bare, run, watch } from '../support/binary.ts'
import { post, unhurried } from '../support/operated.ts'
import { freePorts } from '../support/ports.ts'
import { rawTls } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'
import { makeSite } from '../support/site.ts'

/** A service manager holds the listening socket, so that a restart refuses no connection (sd_listen_fds(3)). */

void t.test('sockets are taken only by the process that they are for', (t) => {
  const of = (variables: Record<string, string>) => inheritedSockets((name) => variables[name], 7)
  t.same(of({ LISTEN_PID: '7', LISTEN_FDS: '2' }), [3, 4])
  const others = [{}, { LISTEN_FDS: '2' }, { LISTEN_PID: '8', LISTEN_FDS: '2' }, { LISTEN_PID: '7', LISTEN_FDS: '0' }, { LISTEN_PID: '7', LISTEN_FDS: '1x' }]
  for (const bad of others as Record<string, string>[]) t.same(of(bad), [])
  t.end()
})

/** Plays the service manager: holds the socket as its descriptor 3, and starts the gateway for each line that it reads. */
async function manage(directory: string) {
  const socket = createServer().listen(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address() as AddressInfo
  const { fd } = (socket as unknown as { readonly _handle: { readonly fd: number } })._handle
  const program = resolve(import.meta.dirname, '../../dist/main.js')
  const each = `LISTEN_PID=$$ LISTEN_FDS=1 exec ${process.execPath} ${program} run -c sallyport.yaml`
  const restarts = bare('sh', '-c', `while read -r line; do sh -c '${each}'; echo "ended $?"; done`)
  const manager = spawn(...restarts, { cwd: directory, stdio: ['pipe', 'pipe', 'pipe', fd] })
  socket.close()
  return { port, manager, said: watch(manager), start: () => manager.stdin?.write('\n') }
}

async function deliver(port: number): Promise<number> {
  const client = await rawTls(port, { rejectUnauthorized: false })
  const { status } = await client.send(post('/hook')).response()
  client.close()
  return status
}

/** What both gateways of a test are started with, one after the other. */
const configuration = (port: number, receiver: string, more: object) => JSON.stringify({
  listeners: [{ address: `127.0.0.1:${port}`, tls: { certificate: 'server.pem', key: 'server.key' } }],
  receivers: { target: { url: receiver } }, replay: { store: 'file:nonces' }, log: { audit: 'file:audit.log' },
  routes: [{ name: 'hook', match: { path: '/hook' }, open: true, forward: { to: 'target' } }], ...more,
})

for (const workers of [1, 2]) {
  void t.test(`workers: ${workers}: a restart refuses no connection`, async (t) => {
    await run(['--help'])
    const receiver = await startReceiver()
    t.teardown(() => receiver.close())
    const site = await makeSite(t)
    const [admin] = await freePorts(1)
    const { port, manager, said, start } = await manage(site.directory)
    site.write('sallyport.yaml', configuration(port, receiver.url, { workers, limits: unhurried, admin: { address: `127.0.0.1:${admin}` } }))
    start()
    const [, first = ''] = await said.says(/"pid":(\d+),"msg":"sallyport listens"/)
    t.equal(await deliver(port), 200)
    process.kill(Number(first), 'SIGTERM')
    await said.says(/ended 0/)
    const meanwhile = deliver(port)
    start()
    t.equal(await meanwhile, 200, 'who came while nobody was there is served by the next one')
    const [, second = ''] = await said.says(/sallyport listens[^]*"pid":(\d+),"msg":"sallyport listens"/)
    process.kill(Number(second), 'SIGTERM')
    await said.says(/ended 0[^]*ended 0/)
    manager.stdin?.end()
    t.equal((await said.exited).code, 0)
  })
}

void t.test('every worker is killed: the first process ends, and who comes meanwhile waits for the next one', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const site = await makeSite(t)
  const { port, manager, said, start } = await manage(site.directory)
  site.write('sallyport.yaml', configuration(port, receiver.url, { workers: 2 }))
  start()
  const [, first = ''] = await said.says(/"pid":(\d+),"msg":"sallyport listens"/)
  t.equal(await deliver(port), 200)
  for (const worker of execFileSync('pgrep', ['-P', first], { encoding: 'utf8' }).trim().split('\n')) process.kill(Number(worker), 'SIGKILL')
  await said.says(/every worker died, and the sockets that were handed over are lost with them/)
  await said.says(/ended 0/)
  const meanwhile = deliver(port)
  start()
  t.equal(await meanwhile, 200)
  const [, second = ''] = await said.says(/sallyport listens[^]*"pid":(\d+),"msg":"sallyport listens"/)
  process.kill(Number(second), 'SIGTERM')
  await said.says(/ended 0[^]*ended 0/)
  manager.stdin?.end()
  await said.exited
})

void t.test('a socket that is not the one of the configuration is told', async (t) => {
  const site = await makeSite(t)
  const { manager, said, start } = await manage(site.directory)
  const listener = (port: number) => ({ address: `127.0.0.1:${port}`, tls: { certificate: 'server.pem', key: 'server.key' } })
  site.write('sallyport.yaml', JSON.stringify({
    listeners: [listener(9)], receivers: { target: { url: 'http://127.0.0.1:9' } }, replay: { store: 'memory:' }, log: { audit: 'file:audit.log' },
    routes: [{ name: 'hook', match: { path: '/hook' }, open: true, forward: { to: 'target' } }],
  }))
  start()
  await said.says(/sallyport\.yaml:1:\d+ listeners\[0\]\.address: the socket that was handed over for it has port \d+, /)
  await said.says(/ended 1/)
  manager.stdin?.end()
  await said.exited
})
