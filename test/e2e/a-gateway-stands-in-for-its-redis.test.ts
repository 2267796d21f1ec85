import { createHmac } from 'node:crypto'
import type { Socket } from 'node:net'
import t from 'tap'
import { secretText, startGateway, type TestGateway } from '../support/gateway.ts'
import { rawTcp, rawTls } from '../support/raw.ts'
import { answerOk, startReceiver } from '../support/receiver.ts'
import { startRedis } from '../support/redis.ts'

/** `onStoreFailure: local`: while a real Redis is gone every record says so, whatever was decided, and none does before or after. */

const routes = [
  { name: 'signed', match: { path: '/signed' }, signature: { preset: 'github', secrets: ['env:SECRET'] }, replay: { onReplay: 'refuse' } },
  { name: 'open', match: { path: '/open' }, open: true },
]

const post = (path: string, body: string, lines = ''): string => `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${lines}Content-Length: ${body.length}\r\n\r\n${body}`

function signed(body: string): string {
  return post('/signed', body, `X-Hub-Signature-256: sha256=${createHmac('sha256', secretText).update(body).digest('hex')}\r\n`)
}

/** What a gateway answers, and the record of it. */
class Asked {
  readonly #gateway: TestGateway
  #records = 0

  constructor(gateway: TestGateway) {
    this.#gateway = gateway
  }

  async send(bytes: string): Promise<{ readonly status: number; readonly isFlagged: boolean }> {
    const client = await rawTls(this.#gateway.port, { ca: this.#gateway.pki.ca.certificate })
    const { status } = await client.send(bytes).response()
    client.close()
    return { status, isFlagged: flag(await this.next()) }
  }

  async next(): Promise<Record<string, unknown>> {
    return (await this.#gateway.audit(++this.#records)).at(this.#records - 1) ?? {}
  }
}

function flag({ facts }: Record<string, unknown>): boolean {
  return (facts as { store?: string } | undefined)?.store === 'local'
}

const requests: [string, () => string, number][] = [
  ['accepted', () => signed(`new ${Math.random()}`), 200], ['accepted before the Redis was gone', () => signed('before'), 409],
  ['a forged signature', () => signed('new').replace('sha256=', 'sha256=0'), 401], ['no signature', () => post('/signed', 'x'), 401],
  ['no route', () => post('/nowhere', 'x'), 404], ['another method', () => post('/open', 'x').replace('POST', 'PUT'), 405],
  ['malformed', () => post('/open', 'x', 'Content-Length: 2\r\n'), 400], ['a route that asks no store', () => post('/open', 'x'), 200],
]

t.test('a Redis that is killed, and comes back', async (t) => {
  const redis = await startRedis(t)
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const settings = { replay: { store: redis.url, onStoreFailure: 'local' } }
  const gateway = await startGateway(t, { receiver: receiver.port, routes, settings })
  const asked = new Asked(gateway)
  const all = async (isFlagged: boolean): Promise<void> => {
    const { length } = receiver.seen
    for (const [name, bytes, status] of requests) t.same(await asked.send(bytes()), { status, isFlagged }, name)
    t.equal(receiver.seen.length, length + 2, 'what was refused never reached the receiver')
  }
  t.same(await asked.send(signed('before')), { status: 200, isFlagged: false })
  await all(false)

  await redis.die()
  // Nobody asks the store: that the connection is gone is enough.
  while (!(await asked.send(post('/nowhere', 'x'))).isFlagged) await new Promise(setImmediate)
  t.same(await asked.send(signed('during')), { status: 200, isFlagged: true })
  await all(true)
  t.same(await asked.send(signed('during')), { status: 409, isFlagged: true })
  const stranger = await rawTcp(gateway.port)
  stranger.send('no TLS at all\r\n\r\n')
  await stranger.ended()
  t.ok(flag(await asked.next()), 'a handshake that is none')

  await redis.start()
  let nth = 0
  for (let isFlagged = true; isFlagged;) {
    const answer = await asked.send(signed(`after ${nth++}`))
    t.equal(answer.status, 200)
    isFlagged = answer.isFlagged
  }
  await all(false)
  t.same(await asked.send(signed('during')), { status: 409, isFlagged: false })
  const other = new Asked(await startGateway(t, { receiver: receiver.port, routes, settings }))
  t.same(await other.send(signed('during')), { status: 409, isFlagged: false }, 'other gateways were told what was let in meanwhile')
})

t.test('a Redis that is killed between claim and commit', async (t) => {
  const redis = await startRedis(t)
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: receiver.port, routes, settings: { replay: { store: redis.url, onStoreFailure: 'local' } } })
  const asked = new Asked(gateway)
  let answer = (): void => undefined
  receiver.script = (socket, seen, nth) => { answer = () => answerOk(socket, seen, nth) }
  const under = asked.send(signed('under way'))
  await receiver.sawAtLeast(1)
  await redis.die()
  answer()
  t.same(await under, { status: 200, isFlagged: true })
  t.same(await asked.send(signed('under way')), { status: 409, isFlagged: true })
  t.equal(receiver.seen.length, 1)
})

t.test('a commit that the own memory kept says so, though the Redis is back before its record is written', async (t) => {
  const redis = await startRedis(t)
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: receiver.port, routes, settings: { replay: { store: redis.url, onStoreFailure: 'local' } } })
  const asked = new Asked(gateway)
  let answering: Socket | undefined
  receiver.script = (socket) => { answering = socket }
  const sender = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate })
  t.teardown(() => sender.close())
  sender.send(signed('under way'))
  await receiver.sawAtLeast(1)
  receiver.script = answerOk
  await redis.die()
  const length = 1_000_000
  answering?.write(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`)
  let isCommitted = false
  sender.socket.once('data', () => { isCommitted = true })
  let written = 0
  // The head is handed on once it is committed, with what follows of the body.
  for (; !isCommitted; written++) {
    answering?.write('.')
    await new Promise(setImmediate)
  }
  await redis.start()
  for (let nth = 0; (await asked.send(signed(`after ${nth}`))).isFlagged; nth++);
  answering?.write('.'.repeat(length - written))
  t.equal((await sender.response()).status, 200)
  const record = await asked.next()
  t.match(record, { verdict: 'accepted', bytes: 'under way'.length, nonce: 'committed' })
  t.ok(flag(record))
  t.same(await asked.send(signed('later')), { status: 200, isFlagged: false })
})

t.test('where nothing stands in, a Redis that is gone lets nothing in', async (t) => {
  const redis = await startRedis(t)
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: receiver.port, routes, settings: { replay: { store: redis.url } } })
  const asked = new Asked(gateway)
  await redis.die()
  t.same(await asked.send(signed('new')), { status: 503, isFlagged: false })
  t.match(await gateway.audit(1), [{ verdict: 'refused', reason: 'store-unavailable' }])
  t.equal(receiver.seen.length, 0)
  await redis.start()
  let status = 503
  while (status === 503) ({ status } = await asked.send(signed('new')))
  t.equal(status, 200, 'and comes back by itself')
})
