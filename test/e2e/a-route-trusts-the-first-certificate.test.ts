import { createHash, createHmac } from 'node:crypto'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { main } from '../../src/cli/index.ts'
import { watchFiles } from '../../src/config/watch.ts'
import { secretText, startGateway, type GatewayOptions } from '../support/gateway.ts'
import { unhurried } from '../support/operated.ts'
import { makePki, type Identity } from '../support/pki.ts'
import { rawTls } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'
import { startRedis } from '../support/redis.ts'
import { StillClock } from '../support/clock.ts'

/** `pin: first-use`: the first certificate that the whole policy accepts is remembered, and no other gets through. */
const body = '{}'
const signed = `X-Hub-Signature-256: sha256=${createHmac('sha256', secretText).update(body).digest('hex')}`
const post = (...headers: string[]): string => ['POST /hook HTTP/1.1', 'Host: localhost', `Content-Length: ${body.length}`, ...headers, '', body].join('\r\n')
const pinned = { certificate: { pin: 'first-use' } }
const github = { signature: { preset: 'github', secrets: ['env:SECRET'] } }

async function start(t: Test, route: Record<string, unknown>, options: Partial<GatewayOptions> = {}) {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: receiver.port, routes: [{ ...pinned, ...route }], ...options })
  const send = (one: Identity, request = post()) => sendTo(gateway.port, one, request, gateway.pki.ca.certificate)
  const [first, second] = await Promise.all([gateway.pki.ca.client({ cn: 'first' }), gateway.pki.ca.client({ cn: 'second' })])
  return { ...gateway, receiver, send, first, second }
}

/** `accepted`, or the reason. */
async function sendTo(port: number, { chain, key }: Identity, request: string, ca: string): Promise<string> {
  const client = await rawTls(port, { ca, cert: chain, key, servername: 'localhost' })
  const { status, body: told } = await client.send(request).response()
  client.close()
  return status === 200 ? 'accepted' : (JSON.parse(told.toString()) as { reason: string }).reason
}

t.test('the first one is remembered, another is refused, and both stand in the records', async (t) => {
  const { send, first, second, receiver, audit, pki } = await start(t, {})
  t.equal(await send(first), 'accepted')
  t.equal(await send(second), 'certificate-not-allowed')
  t.equal(await send(await pki.ca.client({ cn: 'first' })), 'certificate-not-allowed', 'the same names do not help')
  t.equal(await send(first), 'accepted')
  t.equal(receiver.seen.length, 2)
  const [taken, refused, , again] = await audit(4)
  t.match(taken, { verdict: 'accepted', facts: { pinned: /^sha256:[0-9a-f]{64}$/ } })
  t.match(refused, { reason: 'certificate-not-allowed', facts: { demand: 'pin', subject: ['CN=second'], mend: /sallyport certs pin route-0 --fingerprint sha256:[0-9a-f]{64}$/ } })
  t.equal((again as { facts?: unknown }).facts, undefined)
})

t.test('whoever the policy refuses is not remembered', async (t) => {
  const { send, first, second, receiver } = await start(t, { ...github, from: ['127.0.0.0/8'], limits: { body: '8B' }, replay: { onReplay: 'refuse' } })
  t.equal(await send(second), 'signature-missing')
  t.equal(await send(second, post(signed.replace(/.$/, 'x'))), 'signature-malformed')
  t.equal(await send(second, `POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n123456789`), 'body-too-large')
  t.equal(await send(first, post(signed)), 'accepted')
  t.equal(await send(second, post(signed)), 'certificate-not-allowed')
  t.equal(receiver.seen.length, 1)
})

t.test('a replay is no first use', async (t) => {
  const { send, first, second, write, settings, gateway, receiver } = await start(t, {})
  const route = { name: 'signed', match: { path: '/hook' }, forward: { to: 'target' }, ...github, replay: { onReplay: 'refuse' } }
  write({ ...settings, routes: [{ ...route, certificate: {} }] })
  t.equal(await gateway.reload(), 'taken')
  t.equal(await send(first, post(signed)), 'accepted')
  write({ ...settings, routes: [{ ...route, ...pinned }] })
  t.equal(await gateway.reload(), 'taken')
  t.equal(await send(second, post(signed)), 'replayed', 'second comes with what first sent')
  const other = `X-Hub-Signature-256: sha256=${createHmac('sha256', secretText).update('[]').digest('hex')}`
  t.equal(await send(first, post(other).replace('{}', '[]')), 'accepted')
  t.equal(receiver.seen.length, 2)
})

t.test('in observe mode, what would be refused is let through and not remembered', async (t) => {
  const { send, first, second, write, settings, gateway } = await start(t, { ...github, mode: 'observe' })
  t.equal(await send(second), 'accepted', 'it lacks a signature')
  t.equal(await send(first, post(signed)), 'accepted')
  const [route] = settings['routes'] as [object]
  write({ ...settings, routes: [{ ...route, mode: 'enforce' }] })
  t.equal(await gateway.reload(), 'taken')
  t.equal(await send(second, post(signed)), 'certificate-not-allowed')
  t.equal(await send(first, post(signed)), 'accepted')
})

t.test('of many that are first at once, one is', async (t) => {
  const { send, pki, receiver } = await start(t, {})
  const many = await Promise.all(Array.from({ length: 12 }, () => pki.ca.client()))
  const said = await Promise.all(many.map((one) => send(one)))
  t.equal(said.filter((one) => one === 'accepted').length, 1)
  t.equal(said.filter((one) => one === 'certificate-not-allowed').length, 11)
  t.equal(receiver.seen.length, 1)
})

t.test('a streaming route pins, too', async (t) => {
  const { send, first, second, receiver } = await start(t, { body: 'stream' })
  t.equal(await send(first), 'accepted')
  t.equal(await send(second), 'certificate-not-allowed')
  t.equal(receiver.seen.length, 1)
})

t.test('optional: without a certificate it passes, and pins nothing', async (t) => {
  const { send, first, second, port, pki, receiver } = await start(t, { certificate: { pin: 'first-use', optional: true }, open: true })
  const client = await rawTls(port, { ca: pki.ca.certificate })
  t.equal((await client.send(post()).response()).status, 200)
  client.close()
  t.equal(await send(first), 'accepted')
  t.equal(await send(second), 'certificate-not-allowed')
  t.equal(receiver.seen.length, 2)
})

t.test('an operator approves another one, and the running gateway takes it by itself', async (t) => {
  const { send, first, second, gateway, file, directory, receiver } = await start(t, {})
  const clock = new StillClock()
  t.teardown(watchFiles(() => gateway.files, () => gateway.reload(), clock))
  const said = async (...args: string[]) => {
    const [out, err] = [t.capture(process.stdout, 'write', () => true), t.capture(process.stderr, 'write', () => true)]
    const code = await main(['node', 'sallyport', 'certs', 'pin', ...args, '-c', file])
    const text = [...out(), ...err()].map((call) => String(call.args[0])).join('')
    out.restore()
    err.restore()
    return { code, text }
  }
  const settle = async (): Promise<void> => {
    for (let look = 0; look < 3; look++) {
      clock.advance(1_000)
      await clock.awaited(1_000)
    }
  }
  t.match(await said(), { code: 0, text: /^route-0: the first certificate/ })
  t.equal(await send(first), 'accepted')
  t.equal(await send(second), 'certificate-not-allowed')
  writeFileSync(join(directory, 'second.pem'), second.chain)
  t.match(await said('route-0', '--cert', join(directory, 'second.pem')), { code: 0, text: /sallyport\.pins\.yaml\nroute-0: sha256:/ })
  await settle()
  t.equal(await send(second), 'accepted')
  t.equal(await send(first), 'certificate-not-allowed', 'approved ones alone count from now on')
  const print = (one: Identity) => `sha256:${createHash('sha256').update(one.der).digest('hex')}`
  t.match(await said('route-0', '--fingerprint', print(first).toUpperCase().replace('SHA256', 'sha256')), { code: 0 })
  await settle()
  t.equal(await send(first), 'accepted')
  t.match(await said('route-0', '--fingerprint', print(second), '--remove'), { code: 0 })
  await settle()
  t.equal(await send(second), 'certificate-not-allowed')
  t.match(await said('route-0', '--fingerprint', print(first), '--remove'), { code: 0, text: /none/ })
  await settle()
  t.equal(await send(first), 'certificate-not-allowed', 'every approval taken back is no new first use')
  writeFileSync(file.replace('.yaml', '.pins.yaml'), 'route-0: [sha256:abc]\n')
  t.equal(await gateway.reload(), 'refused', 'a file that is none of ours changes nothing')
  t.equal(await send(first), 'certificate-not-allowed')
  t.equal(receiver.seen.length, 3)
  t.match(await said(), { code: 1, text: /pins\.yaml is not as this command writes it/ })
  rmSync(file.replace('.yaml', '.pins.yaml'))
  for (const [args, text] of [
    [['nowhere', '--cert', join(directory, 'second.pem')], /nowhere is no route with `pin: first-use`; these do: route-0/], [['route-0', '--fingerprint', 'sha256:ab'], /no fingerprint/],
    [['--fingerprint', print(first)], /name the route/], [['route-0', '--remove'], /which one/], [['route-0', '--cert', join(directory, 'server.key')], /only certificates belong here/],
  ] as const) t.match(await said(...args), { code: 1, text })
})

t.test('what was the first before a kill -9 is the only one after it', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const { ca } = await makePki()
  const [server, first, second] = await Promise.all([ca.server(), ca.client(), ca.client()])
  const directory = t.testdir({ 'server.pem': server.chain, 'server.key': server.key, 'ca.pem': ca.certificate })
  const file = join(directory, 'sallyport.yaml')
  writeFileSync(file, JSON.stringify({
    listeners: [{ address: '127.0.0.1:0', tls: { certificate: 'server.pem', key: 'server.key', clientCertificate: { mode: 'request', ca: ['ca.pem'] } } }],
    receivers: { target: { url: receiver.url } }, replay: { store: 'file:nonces' }, responses: 'detailed', limits: unhurried,
    log: { level: 'error', audit: 'file:audit.log' }, routes: [{ name: 'hook', match: { path: '/hook' }, forward: { to: 'target' }, ...pinned }],
  }))
  const process = async () => {
    const child = fork(join(import.meta.dirname, 'gateway-process.ts'), [file], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    t.teardown(() => child.kill('SIGKILL'))
    return { child, port: Number((await once(child, 'message'))[0]) }
  }
  const before = await process()
  t.equal(await sendTo(before.port, first, post(), ca.certificate), 'accepted')
  before.child.kill('SIGKILL')
  await once(before.child, 'exit')
  const after = await process()
  t.equal(await sendTo(after.port, second, post(), ca.certificate), 'certificate-not-allowed')
  t.equal(await sendTo(after.port, first, post(), ca.certificate), 'accepted')
  t.equal(receiver.seen.length, 2)
  after.child.kill('SIGKILL')
  await once(after.child, 'exit')
})

t.test('two gateways with one Redis have one pin; without it they cannot know', async (t) => {
  const redis = await startRedis(t)
  const replay = { store: redis.url, timeout: '10s' }
  const one = await start(t, {}, { settings: { replay } })
  const two = await start(t, {}, { settings: { replay: { ...replay, onStoreFailure: 'local' } } })
  t.equal(await one.send(one.first), 'accepted')
  t.equal(await two.send(two.second), 'certificate-not-allowed')
  t.equal(await two.send(one.first), 'accepted')
  await redis.die()
  t.equal(await two.send(one.first), 'accepted', 'what it learned, it knows')
  const fresh = await start(t, {}, { settings: { replay: { ...replay, timeout: '250ms', onStoreFailure: 'local' } } })
  t.equal(await fresh.send(fresh.first), 'store-unavailable', 'nothing stands in for the shared store here')
  t.equal(fresh.receiver.seen.length + two.receiver.seen.length + one.receiver.seen.length, 3)
})

/** A way to a Redis that breaks as soon as somebody commits, until it is mended. */
async function startBreaking(t: Test, port: number) {
  const open = new Set<Socket>()
  let isBroken = false
  const server = createServer((client) => {
    const redis = connect(port, '127.0.0.1')
    for (const socket of [client, redis]) {
      open.add(socket)
      socket.on('error', () => socket.destroy()).on('close', () => { client.destroy(); redis.destroy() })
    }
    redis.pipe(client)
    client.on('data', (bytes) => {
      isBroken ||= bytes.includes('d200') && !isMended
      if (isBroken) client.destroy()
      else redis.write(bytes)
    })
  })
  let isMended = false
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  return { url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`, mend: () => { [isBroken, isMended] = [false, true] } }
}

t.test('a Redis that goes away between claim and commit: nobody was the first, though a memory may stand in', async (t) => {
  const redis = await startRedis(t)
  const way = await startBreaking(t, redis.port)
  const one = await start(t, {}, { settings: { replay: { store: way.url, timeout: '10s', onStoreFailure: 'local' } } })
  t.equal(await one.send(one.first), 'store-unavailable')
  t.equal(one.receiver.seen.length, 0)
  t.match(await one.audit(1), [{ verdict: 'refused', reason: 'store-unavailable', status: 503 }])
  await redis.ask('FLUSHALL') // Its claim has lapsed.
  way.mend()
  let said = 'store-unavailable'
  while (said === 'store-unavailable') said = await one.send(one.second)
  t.equal(said, 'accepted', 'the refused one left no trace')
  t.equal(await one.send(one.first), 'certificate-not-allowed')
  t.equal(one.receiver.seen.length, 1)
})
