import { createHmac, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Gateway } from '../../src/gateway.ts'
import { drained, startGateway, type TestGateway } from '../support/gateway.ts'
import { rawTls, valueOf, type RawResponse } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

/** Asana hands its secret over in the handshake; from then on deliveries are signed with it. */

type T = Parameters<typeof startGateway>[0]
const handed = randomBytes(32).toString('hex')
const body = '{"events":[{"action":"added"}]}'
const sign = (secret: string, text = body): string => createHmac('sha256', secret).update(text).digest('hex')
const handshake = (secret = handed, path = '/hook', ...more: string[]): string => (
  [`POST ${path} HTTP/1.1`, 'Host: localhost', `X-Hook-Secret: ${secret}`, 'Content-Length: 0', ...more, '', ''].join('\r\n')
)
const delivery = (signature: string, text = body): string => (
  ['POST /hook HTTP/1.1', 'Host: localhost', `X-Hook-Signature: ${signature}`, `Content-Length: ${text.length}`, '', text].join('\r\n')
)

const route = (challenge: Record<string, unknown> = {}, more: Record<string, unknown> = {}) => ({
  signature: { preset: 'asana' }, replay: {}, challenge, ...more,
})

async function start(t: T, routes: Record<string, unknown>, store = 'memory:') {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: receiver.port, routes: [routes], settings: { replay: { store } }, environment: { TOKEN: 'a-token-of-ours' } })
  return { gateway, receiver, say: await speaker(t, gateway, gateway.port) }
}

async function speaker(t: T, { pki }: Pick<TestGateway, 'pki'>, port: number): Promise<(text: string) => Promise<RawResponse>> {
  const client = await rawTls(port, { ca: pki.ca.certificate, servername: 'localhost' })
  t.teardown(() => client.close())
  return async (text) => await client.send(text).response()
}

const reason = ({ body: text }: RawResponse): unknown => (JSON.parse(text.toString()) as { reason?: unknown }).reason

void t.test('the secret is given back, kept, and verifies what comes then', async (t) => {
  const { gateway, receiver, say } = await start(t, route())
  const early = await say(delivery(sign(handed)))
  t.equal(early.status, 401)
  t.equal(reason(early), 'key-unknown', 'nothing passes before the handshake')
  const answer = await say(handshake())
  t.equal(answer.status, 200)
  t.equal(valueOf(answer.headers, 'x-hook-secret'), handed)
  t.equal(answer.body.length, 0)
  t.same(receiver.seen, [], 'the receiver saw nothing of it')
  t.match((await gateway.audit(2))[1], { verdict: 'accepted', reason: 'challenge' })
  t.equal((await say(delivery(sign(handed)))).status, 200)
  t.equal(reason(await say(delivery(sign(`${handed}x`)))), 'signature-mismatch')
  t.equal(receiver.seen.length, 1)
  t.notMatch(readFileSync(join(gateway.directory, 'audit.log'), 'utf8'), handed, 'no record holds the secret')
})

void t.test('the first secret stands', async (t) => {
  const { receiver, say } = await start(t, route())
  t.equal((await say(handshake())).status, 200)
  const second = await say(handshake(randomBytes(32).toString('hex')))
  t.equal(second.status, 403)
  t.equal(reason(second), 'challenge-refused')
  t.equal((await say(handshake())).status, 200, 'the same again is answered again')
  t.equal((await say(delivery(sign(handed)))).status, 200)
  t.equal(receiver.seen.length, 1)
})

const refused: [string, Record<string, unknown>, string, string][] = [
  ['no token', { verifyToken: 'env:TOKEN' }, handshake(), 'challenge-refused'],
  ['another token', { verifyToken: 'env:TOKEN' }, handshake(handed, '/hook?token=x'), 'challenge-refused'],
  ['two tokens', { verifyToken: 'env:TOKEN' }, handshake(handed, '/hook?token=a-token-of-ours&token=x'), 'challenge-refused'],
  ['a short secret', {}, handshake('a'.repeat(15)), 'challenge-refused'],
  ['a long secret', {}, handshake('a'.repeat(129)), 'challenge-refused'],
  ['a secret with a blank', {}, handshake(`${handed} x`), 'challenge-refused'],
  ['a secret and a signature', {}, handshake(handed, '/hook', `X-Hook-Signature: ${sign(handed, '')}`), 'key-unknown'],
]
for (const [name, challenge, send, expected] of refused) {
  void t.test(`${name} is refused`, async (t) => {
    const { receiver, say } = await start(t, route(challenge))
    t.equal(reason(await say(send)), expected)
    t.equal(reason(await say(delivery(sign(handed)))), 'key-unknown', 'and nothing was kept')
    t.same(receiver.seen, [])
  })
}

void t.test('with the token that is in its URL', async (t) => {
  const { say } = await start(t, route({ verifyToken: 'env:TOKEN' }))
  t.equal((await say(handshake(handed, '/hook?token=a-token-of-ours'))).status, 200)
})

void t.test('a route that does not say so takes no secret', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: receiver.port, routes: [{ signature: { preset: 'asana', secrets: ['env:SECRET'] } }] })
  const say = await speaker(t, gateway, gateway.port)
  t.equal(reason(await say(handshake())), 'signature-missing')
  t.same(receiver.seen, [])
})

void t.test('a secret that was written down counts beside', async (t) => {
  const { say } = await start(t, { ...route(), signature: { preset: 'asana', secrets: ['env:SECRET'] } })
  t.equal((await say(delivery(sign('a secret of the tests, long enough')))).status, 200)
  t.equal((await say(handshake())).status, 200)
  t.equal((await say(delivery(sign(handed, '{}'), '{}'))).status, 200)
})

void t.test('it outlives a restart, and a new name asks for a new one', async (t) => {
  const { gateway, say } = await start(t, route(), 'file:data/nonces')
  t.equal((await say(handshake())).status, 200)
  const folder = join(gateway.directory, 'data/nonces/.secrets')
  const [file = ''] = readdirSync(folder)
  t.equal(statSync(join(folder, file)).mode & 0o777, 0o600, 'for our eyes only')
  await drained(gateway.gateway, gateway.world)
  const again = await Gateway.start(gateway.file, gateway.world)
  t.teardown(() => drained(again, gateway.world))
  const sayAgain = await speaker(t, gateway, again.addresses[0]?.port ?? 0)
  t.equal((await sayAgain(delivery(sign(handed)))).status, 200)
  gateway.write({ ...gateway.settings, routes: [{ ...(gateway.settings['routes'] as Record<string, unknown>[])[0], challenge: { pairing: '2026-12' } }] })
  await again.reload()
  t.equal(reason(await sayAgain(delivery(sign(handed, '{}'), '{}'))), 'key-unknown')
  const other = randomBytes(32).toString('hex')
  t.equal((await sayAgain(handshake(other))).status, 200)
  t.equal((await sayAgain(delivery(sign(other, '{}'), '{}'))).status, 200)
})

void t.test('handshakes are answered at a pace', async (t) => {
  const { say } = await start(t, route())
  const statuses: number[] = []
  for (let nth = 0; nth < 31; nth += 1) statuses.push((await say(handshake())).status)
  t.same(statuses, [...Array.from({ length: 30 }, () => 200), 429])
})

void t.test('it works while the receiver is down', async (t) => {
  const gateway = await startGateway(t, { receiver: 1, routes: [route()] })
  const say = await speaker(t, gateway, gateway.port)
  t.equal((await say(handshake())).status, 200)
})
