import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createHmac } from 'node:crypto'
import { resolve } from 'node:path'
import type { TLSSocket } from 'node:tls'
import t from 'tap'
import { watchFiles } from '../../src/config/watch.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { rawTls } from '../support/raw.ts'
import { post } from '../support/operated.ts'
import { answerOk, startReceiver } from '../support/receiver.ts'
import { StillClock } from '../support/clock.ts'

const connect = ({ port, pki }: TestGateway) => rawTls(port, { ca: pki.ca.certificate })

async function statusOf(gateway: TestGateway, bytes: string): Promise<number> {
  const client = await connect(gateway)
  const { status } = await client.send(bytes).response()
  client.close()
  return status
}

void t.test('a new certificate is shown to whoever comes next; a bad one is not', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: receiver.port, routes: [{ open: true }] })
  const { directory, pki } = gateway
  const serial = async (): Promise<string> => {
    const client = await connect(gateway)
    const { serialNumber } = (client.socket as TLSSocket).getPeerCertificate()
    client.close()
    return serialNumber.toLowerCase()
  }
  const before = await connect(gateway)
  const next = await pki.ca.server()
  writeFileSync(resolve(directory, 'server.pem'), next.chain)
  t.equal(await gateway.gateway.reload(), 'refused', 'certificate and key do not belong together yet')
  t.not(await serial(), next.serial.replace(/^0+/, ''))
  writeFileSync(resolve(directory, 'server.key'), next.key)
  t.equal(await gateway.gateway.reload(), 'taken')
  t.equal((await serial()).replace(/^0+/, ''), next.serial.replace(/^0+/, ''))
  t.equal((await before.send(post('/hook')).response()).status, 200, 'connections that are open go on')
  before.close()
})

void t.test('a new secret counts from the reload on', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: receiver.port, routes: [{ signature: { preset: 'github', secrets: ['env:SECRET'] } }] })
  const signed = (secret: string): string => post('/hook', 'hello').replace('\r\n\r\n', `\r\nX-Hub-Signature-256: sha256=${createHmac('sha256', secret).update('hello').digest('hex')}\r\n\r\n`)
  gateway.world.variables.set('SECRET', 'the second secret of the tests')
  t.equal(await statusOf(gateway, signed('the second secret of the tests')), 401)
  t.equal(await gateway.gateway.reload(), 'taken')
  t.equal(await statusOf(gateway, signed('the second secret of the tests')), 200)
  gateway.world.variables.delete('SECRET')
  t.equal(await gateway.gateway.reload(), 'refused')
  t.equal(await statusOf(gateway, signed('the second secret of the tests')), 200, 'a secret that is gone is a bad reload, not an empty secret')
})

void t.test('a delivery that is under way keeps the policy it came in with', async (t) => {
  const [first, second] = await Promise.all([startReceiver(), startReceiver()])
  t.teardown(() => Promise.all([first.close(), second.close()]))
  const gateway = await startGateway(t, { receiver: first.port, routes: [{ open: true }] })
  const client = await connect(gateway)
  const other = await connect(gateway)
  const bytes = post('/hook', 'hello')
  client.send(bytes.slice(0, -2))
  let answer = (): void => {}
  first.script = (socket, seen, nth) => { answer = () => answerOk(socket, seen, nth) }
  other.send(post('/hook', 'under way'))
  await first.sawAtLeast(1)
  gateway.write({ ...gateway.settings, receivers: { target: { url: second.url } } })
  t.equal(await gateway.gateway.reload(), 'taken')
  t.equal(await statusOf(gateway, post('/hook')), 200)
  t.equal(second.seen.length, 1)
  answer()
  t.equal((await other.response()).status, 200)
  first.script = answerOk
  client.send(bytes.slice(-2))
  t.equal((await client.response()).status, 200)
  t.equal(second.seen.length + first.seen.length, 3)
  for (const one of [client, other]) one.close()
})

void t.test('two reloads at once are two reloads, one after the other', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: receiver.port, routes: [{ open: true }] })
  const first = gateway.gateway.reload()
  gateway.write({})
  t.same(await Promise.all([first, gateway.gateway.reload()]), ['refused', 'refused'])
  gateway.write(gateway.settings)
  t.same(await Promise.all([gateway.gateway.reload(), gateway.gateway.reload()]), ['taken', 'taken'])
  t.equal(await statusOf(gateway, post('/hook')), 200)
})

void t.test('watching: a change counts once it is still, one that came while reading, too, and a file that was missing', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: receiver.port, routes: [{ open: true }] })
  const clock = new StillClock()
  const results: string[] = []
  const stop = watchFiles(() => gateway.gateway.files, async () => { results.push(await gateway.gateway.reload()) }, clock)
  // A look is over when the next one is waited for.
  const look = async (): Promise<void> => {
    clock.advance(1_000)
    await clock.awaited(1_000)
  }
  await look()
  await look()
  t.same(results, [])
  const server = resolve(gateway.directory, 'server.pem')
  const text = readFileSync(server)
  gateway.write({ ...gateway.settings, responses: 'opaque' })
  await look()
  t.same(results, [], 'not while it is still being written')
  await look()
  t.same(results, ['taken'])
  rmSync(server)
  await look()
  await look()
  t.same(results, ['taken', 'refused'])
  await look()
  await look()
  t.same(results, ['taken', 'refused'], 'one change is told once')
  writeFileSync(server, text)
  await look()
  await look()
  t.same(results, ['taken', 'refused', 'taken'])
  stop()
})
