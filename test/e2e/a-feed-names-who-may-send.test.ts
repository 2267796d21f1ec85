import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { checkConfiguration } from '../../src/cli/check.ts'
import { makeFetch } from '../../src/outside/fetch.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { makePki } from '../support/pki.ts'
import { rawTcp, rawTls } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

const request = 'POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}'

/** A publisher of ranges on loopback, over TLS; resolves `asked` after each answer. */
async function startPublisher(t: Test, text: string) {
  const { ca } = await makePki()
  const { chain, key } = await ca.server()
  const publisher = { text, asked: 0, url: '', fetch: makeFetch({ ca: ca.certificate }) }
  const server = createServer({ cert: chain, key }, (_, response) => {
    publisher.asked++
    response.end(publisher.text)
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  publisher.url = `https://localhost:${(server.address() as AddressInfo).port}/list`
  return publisher
}

/** Turns of the event loop until it holds. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!await holds()) await new Promise((resolve) => { setImmediate(resolve) })
}

async function isAdmitted({ port, pki }: TestGateway): Promise<boolean> {
  const client = await rawTls(port, { ca: pki.ca.certificate }).catch(() => undefined)
  if (client === undefined) return false
  const admitted = await client.send(request).response().then(({ status }) => status === 200, () => false)
  client.close()
  return admitted
}

void t.test('fetched, refreshed, and the last good list kept', async (t) => {
  const publisher = await startPublisher(t, '{"hooks":["127.0.0.0/8","192.0.2.0/24"]}')
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, {
    receiver: receiver.port, routes: [{ from: ['@sender'] }], fetch: publisher.fetch,
    settings: {
      feeds: { sender: { title: 'A sender', url: publisher.url, json: [{ pointer: '/hooks' }], refresh: '1h' } }, fetched: { directory: 'fetched' },
    },
  })
  const early = await rawTcp(gateway.port)
  await early.ended()
  t.match(await gateway.audit(1), [{ reason: 'source-not-allowed' }], 'nobody is let in before anything is known')
  t.match(await checkConfiguration(gateway.file, gateway.world), /warning: the feed @sender was never fetched/)
  gateway.world.clock.advance(0)
  await until(() => isAdmitted(gateway))

  for (const text of ['', '{"hooks":[]}', '{"hooks":["0.0.0.0/0"]}', '{"hooks":["10.0.0.1/8"]}', '<html>']) {
    publisher.text = text
    const { asked } = publisher
    gateway.world.clock.advance(3_600_000)
    await until(() => publisher.asked > asked)
    await gateway.world.clock.awaited(60_000, 2) // the pause behind what was refused
    t.ok(await isAdmitted(gateway), `the last good list holds after ${JSON.stringify(text)}`)
  }
  t.match(await checkConfiguration(gateway.file, gateway.world), /feed @sender: 2 ranges, fetched \d{4}/)

  t.equal(await gateway.gateway.reload(), 'taken')
  t.ok(await isAdmitted(gateway), 'and after a reload')
  publisher.text = '{"hooks":["192.0.2.0/24","198.51.100.0/24"]}'
  gateway.world.clock.advance(3_600_000)
  await until(async () => !await isAdmitted(gateway))
})

void t.test('a feed that does not exist', async (t) => {
  const starting = startGateway(t, { receiver: 1, routes: [{ from: ['@strip'] }] })
  await t.rejects(starting, { message: /no feed @strip.*did you mean @stripe/s })
})

void t.test('a shipped snapshot holds where nobody can be asked', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, {
    receiver: receiver.port, routes: [{ from: ['@stripe', '@telegram'] }], listener: { sourceAddress: { forwardedFor: ['127.0.0.0/8'] } },
  })
  const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate })
  t.teardown(() => client.close())
  const from = async (address: string) => (await client.send(request.replace('\r\n\r\n', `\r\nX-Forwarded-For: ${address}\r\n\r\n`)).response()).status
  t.equal(await from('54.187.216.72'), 200)
  t.equal(await from('149.154.175.255'), 200)
  t.equal(await from('54.187.216.73'), 403)
  t.equal(receiver.seen.length, 2)
})
