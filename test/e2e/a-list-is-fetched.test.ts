import 'reflect-metadata'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Extension } from '@peculiar/x509'
import t, { type Test } from 'tap'
import { makeExchange } from '../../src/outside/exchange.ts'
import { checkConfiguration } from '../../src/cli/check.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { day, hour, makeCa, makePki, type Identity } from '../support/pki.ts'
import { rawTls } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

const post = 'POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}'

/** Somebody who publishes a list on loopback, over plain http as authorities do. */
async function startPublisher(t: Test, body: string | Buffer) {
  const publisher = { body, asked: 0, begun: 0, url: '', status: 200, answer: undefined as ((response: ServerResponse) => void) | undefined }
  const server = createServer((_, response) => {
    publisher.asked++
    if (publisher.answer !== undefined) return publisher.answer(response)
    response.writeHead(publisher.status, publisher.status === 302 ? { location: '/other' } : {}).end(publisher.body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  publisher.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/ca.crl`
  return publisher
}

const turns = async (count = 1) => { for (let nth = 0; nth < count; nth++) await new Promise((resolve) => { setImmediate(resolve) }) }

/** Time goes on until the list is asked for once more, and then stands: whoever publishes is left after half a minute. */
async function askedAgain({ world }: TestGateway, publisher: { readonly begun: number }): Promise<void> {
  const { begun } = publisher
  for (; publisher.begun === begun; await turns()) world.clock.advance(10_000)
}

/** Asked for once more, and what was found wrong with what came. */
async function objection(t: Test, gateway: TestGateway, publisher: { readonly begun: number }): Promise<string | undefined> {
  const warned = t.capture(gateway.gateway.log, 'warn')
  await askedAgain(gateway, publisher)
  const said: { what: string }[] = []
  await until(() => said.push(...warned().map(({ args }) => args[0] as unknown as { what: string })) > 0)
  return said[0]?.what
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!await holds()) await turns()
}

async function deliver({ port, pki }: TestGateway, one: Identity): Promise<unknown> {
  const client = await rawTls(port, { ca: pki.ca.certificate, cert: one.chain, key: one.key })
  const { status, body } = await client.send(post).response()
  client.close()
  return status === 200 ? 'accepted' : (JSON.parse(body.toString()) as { reason: string }).reason
}

/** Written whole, and under its name. */
const isKept = (directory: string) => existsSync(directory) && readdirSync(directory).some((file) => file.endsWith('.bytes'))

const derOf = (pem: string) => Buffer.from(pem.split('-----')[2] ?? '', 'base64')

async function scene(t: Test, list: string | Buffer, pki: Awaited<ReturnType<typeof makePki>>) {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const publisher = await startPublisher(t, list)
  const exchange = makeExchange()
  const gateway = await startGateway(t, {
    receiver: receiver.port, routes: [{ certificate: {} }], settings: { fetched: { directory: 'fetched' } },
    exchange: (request) => { publisher.begun++; return exchange(request) },
    files: () => Promise.resolve({ 'senders.pem': pki.ca.certificate }), clientCertificate: { ca: ['senders.pem'], crl: [publisher.url] },
  })
  return { receiver, publisher, gateway }
}

t.test('fetched, refreshed before its end, and nothing worse takes the place of what is known', async (t) => {
  const pki = await makePki()
  const [good, bad, worse] = await Promise.all([pki.ca.client(), pki.ca.client(), pki.ca.client()])
  const start = Math.floor(Date.now() / 1000) * 1000
  const list = (revoked: Identity[], number: number, options = {}) => pki.ca.crl(revoked, { number, thisUpdate: start - hour, nextUpdate: start + 4 * hour, ...options })
  const { gateway, publisher, receiver } = await scene(t, await list([bad], 5), pki)
  t.equal(await deliver(gateway, good), 'revocation-unknown', 'nobody is let in before anything is known')
  t.match((await gateway.audit(1))[0], { facts: { error: 'UNABLE_TO_GET_CRL', authority: /^CN=/ } })
  t.match(await checkConfiguration(gateway.file, gateway.world), /warning: the revocation list http:.*never fetched/)
  t.equal(receiver.seen.length, 0)
  gateway.world.clock.advance(0)
  await until(async () => await deliver(gateway, good) === 'accepted')
  t.equal(await deliver(gateway, bad), 'certificate-revoked')
  await until(() => isKept(join(gateway.directory, 'fetched')))

  const namesake = await makeCa({ name: pki.ca.authority.certificate.subject.slice(3) })
  const worseOnes: [string, RegExp, string | Buffer, number?][] = [
    ['an error', /the answer is 500/, '', 500], ['somewhere else', /the answer is 302/, await list([], 9), 302],
    ['junk', /it holds no revocation list/, 'junk'], ['half', /it is no DER at byte/, derOf(await list([], 9)).subarray(0, 100)],
    ['another authority’s', /the authority that issued it is not in `ca`/, await (await makeCa()).crl([], { number: 9 })], ['a namesake’s', /was not signed by it/, await namesake.crl([], { number: 9 })],
    ['changes only', /a list of changes/, await list([], 9, { deltaOf: 5 })], ['a smaller number', /older than the one that is known/, await list([], 4, { thisUpdate: start })],
    ['an earlier time', /older than the one that is known/, await list([], 9, { thisUpdate: start - 2 * hour })],
    ['expired', /has expired at/, await list([], 9, { thisUpdate: start - hour / 2, nextUpdate: start - 1 })],
    ['of the future', /holds only from/, await list([], 9, { thisUpdate: start + day, nextUpdate: start + 2 * day })],
  ]
  // Half of four hours is nearly over: then it is asked for each minute.
  gateway.world.clock.advance(2 * hour - 5 * 60_000)
  for (const [name, why, body, status = 200] of worseOnes) {
    Object.assign(publisher, { body, status })
    t.match(await objection(t, gateway, publisher), why, name)
    t.equal(await deliver(gateway, bad), 'certificate-revoked', name)
    t.equal(await deliver(gateway, good), 'accepted', `${name}: and the others pass`)
  }
  Object.assign(publisher, { body: derOf(await list([bad, worse], 6, { thisUpdate: start, nextUpdate: start + 10 * day })), status: 200 })
  await askedAgain(gateway, publisher)
  await until(async () => await deliver(gateway, worse) === 'certificate-revoked')
  t.equal(await gateway.gateway.reload(), 'taken')
  t.equal(await deliver(gateway, worse), 'certificate-revoked', 'over a reload')
  t.match(await checkConfiguration(gateway.file, gateway.world), /good/)
  t.notMatch(await checkConfiguration(gateway.file, gateway.world), /never fetched/)
})

t.test('the last good list outlives a restart, and its end lets nobody in', async (t) => {
  const pki = await makePki()
  const [good, bad] = await Promise.all([pki.ca.client(), pki.ca.client()])
  const first = await scene(t, derOf(await pki.ca.crl([bad], { nextUpdate: Date.now() + 2 * hour })), pki)
  first.gateway.world.clock.advance(0)
  await until(async () => await deliver(first.gateway, good) === 'accepted')
  const directory = join(first.gateway.directory, 'fetched')
  await until(() => isKept(directory))
  await first.gateway.gateway.drain()

  first.publisher.status = 500
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  await t.test('a second one', async (t) => {
    const gateway = await startGateway(t, {
      receiver: receiver.port, routes: [{ certificate: {} }], settings: { fetched: { directory } },
      files: () => Promise.resolve({ 'senders.pem': pki.ca.certificate }), clientCertificate: { ca: ['senders.pem'], crl: [first.publisher.url] },
    })
    t.equal(await deliver(gateway, good), 'accepted', 'nobody had to be asked')
    t.equal(await deliver(gateway, bad), 'certificate-revoked')
    t.match(await checkConfiguration(gateway.file, gateway.world), /warning: the revocation list of CN=.* expires at/)
    gateway.world.clock.step(2 * hour + 1_000)
    t.equal(await deliver(gateway, good), 'revocation-unknown')
    t.match((await gateway.audit(3))[2], { facts: { error: 'CRL_HAS_EXPIRED', authority: /^CN=/, nextUpdate: /Z$/ } })
    t.equal(await deliver(gateway, bad), 'certificate-revoked', 'on an old list, too')
    t.equal(receiver.seen.length, 1)
  })
})

t.test('what is kept may be torn', async (t) => {
  const pki = await makePki()
  const { gateway, publisher } = await scene(t, await pki.ca.crl(), pki)
  gateway.world.clock.advance(0)
  await until(() => publisher.asked === 1)
  const directory = join(gateway.directory, 'fetched')
  mkdirSync(directory, { recursive: true })
  await until(() => isKept(directory))
  for (const file of readdirSync(directory)) writeFileSync(join(directory, file), 'torn')
  t.match(await checkConfiguration(gateway.file, gateway.world), /never fetched/)
})

/** RFC 5280 5.2.5, critical: fields by their tag, each true. */
const distributionPoint = (field: string) => new Extension('2.5.29.28', true, Buffer.from(`3003${field}01ff`, 'hex'))

t.test('lists for a part of the certificates, lists of nobody, lists without end: none takes the place of what is known', async (t) => {
  const pki = await makePki()
  const [good, bad] = await Promise.all([pki.ca.client(), pki.ca.client()])
  const { gateway, publisher, receiver } = await scene(t, await pki.ca.crl([bad]), pki)
  gateway.world.clock.advance(0)
  await until(async () => await deliver(gateway, good) === 'accepted')
  const before = receiver.seen.length
  const partial = (field: string) => pki.ca.crl([], { number: 9, extensions: [distributionPoint(field)] })
  const whole = await pki.ca.crl([], { number: 9 })
  const endless = (response: ServerResponse): void => {
    const block = Buffer.alloc(1024 * 1024, 0x30)
    const write = (): void => { while (!response.destroyed && response.write(block)) continue }
    response.on('drain', write)
    write()
  }
  const rows: [string, RegExp, string | ((response: ServerResponse) => void)][] = [
    ['of users only', /issuing distribution point/, await partial('81')], ['of authorities only', /issuing distribution point/, await partial('82')], ['of some reasons only', /issuing distribution point/, await partial('83')],
    ['indirect', /issuing distribution point/, await partial('84')], ['of attribute certificates only', /issuing distribution point/, await partial('85')],
    ['with a critical extension that nobody knows', /critical extension that is not known/, await pki.ca.crl([], { number: 9, extensions: [new Extension('1.2.3.4', true, Buffer.from('0500', 'hex'))] })],
    ['of an authority that only the sender sends', /the authority that issued it is not in `ca`/, await pki.intermediate.crl([], { number: 9 })],
    ['one good, one of a stranger', /the authority that issued it is not in `ca`/, whole + await (await makeCa()).crl()],
    ['more than 64 MiB', /longer than 67108864 bytes/, endless], ['broken off', /does not match content-length/, (response) => void response.writeHead(200, { 'content-length': '9999' }).write(whole, () => response.destroy())],
    ['moved for good', /the answer is 301/, (response) => response.writeHead(301, { location: publisher.url }).end(whole)],
    ['empty', /it holds no revocation list/, (response) => response.end()], ['no content', /the answer is 204/, (response) => response.writeHead(204).end()],
    ['part of it', /the answer is 206/, (response) => response.writeHead(206, { 'content-range': 'bytes 0-9/100' }).end(whole)],
  ]
  gateway.world.clock.advance(6 * hour - 60_000)
  for (const [name, why, body] of rows) {
    Object.assign(publisher, typeof body === 'string' ? { body, answer: undefined } : { answer: body })
    t.match(await objection(t, gateway, publisher), why, name)
    t.equal(await deliver(gateway, bad), 'certificate-revoked', name)
  }
  t.equal(await deliver(gateway, good), 'accepted')
  t.equal(receiver.seen.length, before + 1, 'the receiver saw nothing of the one')
})

t.test('a publisher that is silent is left after half a minute, and asked again', async (t) => {
  const pki = await makePki()
  const good = await pki.ca.client()
  const { gateway, publisher, receiver } = await scene(t, await pki.ca.crl(), pki)
  let left = 0
  publisher.answer = (response) => void response.on('close', () => { left++ }).writeHead(200).write('-----BEGIN')
  gateway.world.clock.advance(0)
  await until(() => publisher.asked === 1)
  gateway.world.clock.advance(29_999)
  await turns(20)
  t.equal(left, 0)
  gateway.world.clock.advance(1)
  await until(() => left === 1)
  t.equal(await deliver(gateway, good), 'revocation-unknown')
  t.equal(receiver.seen.length, 0)
  publisher.answer = undefined
  await askedAgain(gateway, publisher)
  await until(async () => await deliver(gateway, good) === 'accepted')
})

t.test('a new list closes the connections of whom it names, idle ones too', async (t) => {
  const pki = await makePki()
  const [good, bad] = await Promise.all([pki.ca.client(), pki.ca.client()])
  const { gateway, publisher, receiver } = await scene(t, await pki.ca.crl(), pki)
  gateway.world.clock.advance(0)
  await until(async () => await deliver(gateway, good) === 'accepted')
  const connect = async (one: Identity) => {
    const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate, cert: one.chain, key: one.key })
    t.teardown(() => client.close())
    return client
  }
  const [idle, unused, other] = [await connect(bad), await connect(bad), await connect(good)]
  for (const client of [idle, other]) t.equal((await client.send(post).response()).status, 200)
  const before = receiver.seen.length
  publisher.body = await pki.ca.crl([bad], { number: 2 })
  // Once what is known is kept, the next one is waited for; each minute both clocks are looked at.
  await gateway.world.clock.awaited(60_000, 2)
  gateway.world.clock.advance(6 * hour)
  t.equal((await idle.ended()).how, 'end')
  t.equal((await unused.ended()).how, 'end')
  t.equal((await other.send(post).response()).status, 200, 'others are not touched')
  t.equal(await deliver(gateway, bad), 'certificate-revoked')
  t.equal(receiver.seen.length, before + 1)
})

t.test('the clock leaps', async (t) => {
  const pki = await makePki()
  const good = await pki.ca.client()
  const start = Date.now()
  const list = (number: number, thisUpdate: number) => pki.ca.crl([], { number, thisUpdate, nextUpdate: thisUpdate + 4 * hour })
  const { gateway, publisher, receiver } = await scene(t, await list(1, start - hour), pki)
  const { clock } = gateway.world
  clock.advance(0)
  await until(async () => await deliver(gateway, good) === 'accepted')
  await clock.awaited(60_000, 2)
  clock.step(5 * hour)
  t.equal(await deliver(gateway, good), 'revocation-unknown', 'ahead: the list has expired')
  publisher.body = await list(2, start + 4 * hour)
  clock.advance(60_000)
  await until(async () => await deliver(gateway, good) === 'accepted')
  t.equal(publisher.asked, 2, 'fetched within a minute, and not when its hours would have passed')
  clock.step(-6 * hour)
  const seen = receiver.seen.length
  t.equal(await deliver(gateway, good), 'revocation-unknown', 'back: it does not hold yet')
  t.match((await gateway.audit(1)).at(-1), { facts: { error: 'CRL_NOT_YET_VALID' } })
  t.equal(receiver.seen.length, seen)
})

t.test('what is kept on disk has expired when the gateway starts', async (t) => {
  const pki = await makePki()
  const [good, bad] = await Promise.all([pki.ca.client(), pki.ca.client()])
  const { gateway, publisher } = await scene(t, await pki.ca.crl([bad], { nextUpdate: Date.now() + 2 * hour }), pki)
  gateway.world.clock.advance(0)
  await until(async () => await deliver(gateway, good) === 'accepted')
  const directory = join(gateway.directory, 'fetched')
  await until(() => isKept(directory))
  await gateway.gateway.drain()
  publisher.status = 503
  await t.test('a day later', async (t) => {
    const receiver = await startReceiver()
    t.teardown(() => receiver.close())
    const second = await startGateway(t, {
      receiver: receiver.port, routes: [{ certificate: {} }], settings: { fetched: { directory } }, now: Date.now() + day,
      files: () => Promise.resolve({ 'senders.pem': pki.ca.certificate }), clientCertificate: { ca: ['senders.pem'], crl: [publisher.url] },
    })
    t.equal(await deliver(second, good), 'revocation-unknown')
    t.match((await second.audit(1))[0], { facts: { error: 'CRL_HAS_EXPIRED', authority: /^CN=/, nextUpdate: /Z$/ } })
    t.equal(await deliver(second, bad), 'certificate-revoked', 'on an old list, too')
    t.match(await checkConfiguration(second.file, second.world), /warning: the revocation list of CN=.* has expired at/)
    t.equal(receiver.seen.length, 0)
  })
})
