import { createServer, type AddressInfo } from 'node:net'
import t from 'tap'
import { start } from '../support/binary.ts'
import { operate, post } from '../support/operated.ts'
import { answerOk, startReceiver } from '../support/receiver.ts'

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  void t.test(`${signal}: no new connections, what is under way finishes, exit 0`, async (t) => {
    const receiver = await startReceiver()
    t.teardown(() => receiver.close())
    const gateway = await operate(t, receiver.port)
    let answer = (): void => {}
    receiver.script = (socket, seen, nth) => { answer = () => answerOk(socket, seen, nth) }
    const client = await gateway.connect()
    client.send(post('/hook'))
    await receiver.sawAtLeast(1)
    t.equal((await gateway.page('/readyz')).status, 200)
    gateway.process.kill(signal)
    await gateway.says(/"draining"/)
    t.match(await gateway.page('/readyz'), { status: 503, text: 'draining\n' }, 'readiness turns')
    t.equal((await gateway.page('/healthz')).status, 200, 'and it lives')
    await t.rejects(gateway.connect(), { code: 'ECONNREFUSED' })
    answer()
    t.equal((await client.response()).status, 200)
    t.equal((await client.ended()).how, 'end')
    t.match(await gateway.exited, { code: 0, signal: null })
  })
}

void t.test('SIGHUP takes what the files say now; a bad file keeps the old state, says why and raises the metric', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await operate(t, receiver.port)
  const client = await gateway.connect()
  const status = async (path: string): Promise<number> => (await client.send(post(path)).response()).status
  const reload = async (content: unknown, said: RegExp): Promise<void> => {
    gateway.write(content)
    gateway.process.kill('SIGHUP')
    await gateway.says(said)
  }
  t.equal(await status('/hook'), 200)
  const route = { name: 'second', match: { path: '/second' }, open: true, forward: { to: 'target' } }
  await reload({ ...gateway.settings, routes: [route] }, /configuration reloaded/)
  t.equal(await status('/second'), 200, 'on the open connection, too')
  t.equal(await status('/hook'), 404)
  await reload('listeners: [', /reload refused[^]*/)
  t.match(gateway.output(), /sallyport\.yaml:1:\d+: .*reload refused, the last good configuration stays/)
  t.equal(await status('/second'), 200)
  const { text } = await gateway.page('/metrics')
  t.match(text, /sallyport_last_reload_successful 0/)
  t.match(text, /sallyport_reloads_total\{result="refused"\} [12]/)
  gateway.process.kill('SIGTERM')
  t.equal((await gateway.exited).code, 0)
})

void t.test('a changed file is taken without a signal', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await operate(t, receiver.port)
  gateway.write({ ...gateway.settings, responses: 'opaque' })
  await gateway.says(/configuration reloaded/)
  const client = await gateway.connect()
  t.notMatch((await client.send(post('/nowhere')).response()).body.toString(), /no-route/)
})

void t.test('an address that cannot be had is told with its place, and nothing hangs', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const taken = createServer().listen(0, '127.0.0.1')
  t.teardown(() => { taken.close() })
  await new Promise((done) => taken.once('listening', done))
  const { port } = taken.address() as AddressInfo
  const gateway = await operate(t, receiver.port)
  for (const [key, change] of [
    ['listeners[0].address', { listeners: [{ ...(gateway.settings['listeners'] as object[])[0], address: `127.0.0.1:${port}` }] }],
    ['admin.address', { listeners: [{ ...(gateway.settings['listeners'] as object[])[0], address: '127.0.0.1:0' }], admin: { address: `127.0.0.1:${port}` } }],
  ] as const) {
    gateway.site.write('other.yaml', JSON.stringify({ ...gateway.settings, ...change }))
    const { code, stderr } = await start(['run', '-c', 'other.yaml'], { cwd: gateway.site.directory }).exited
    t.equal(code, 1)
    t.equal(stderr.trim().split('\n').at(-1)?.replace(/:1:\d+/, ''), `other.yaml ${key}: this address is in use: another process listens there, stop it, or write another address or port`)
  }
})
