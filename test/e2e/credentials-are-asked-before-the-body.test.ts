import { createHash, createHmac } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, type JWTPayload } from 'jose'
import t, { type Test } from 'tap'
import { makeFetch } from '../../src/outside/fetch.ts'
import { startGateway, type GatewayOptions } from '../support/gateway.ts'
import { makePki } from '../support/pki.ts'
import { rawTls, valueOf, type RawClient } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

async function scene(t: Test, route: Record<string, unknown>, options: Partial<GatewayOptions> = {}) {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: receiver.port, routes: [route], ...options })
  const connect = async (certificate: 'shown' | 'none' = 'none'): Promise<RawClient> => {
    const shown = certificate === 'shown' ? { cert: gateway.sender.chain, key: gateway.sender.key } : {}
    const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate, ...shown })
    t.teardown(() => client.close())
    return client
  }
  return { gateway, receiver, connect }
}

/** A request whose body is announced and waits to be asked for. */
const waiting = (...lines: readonly string[]) => [
  'POST /hook HTTP/1.1', 'Host: localhost', 'Content-Length: 2', 'Expect: 100-continue', ...lines, '', '',
].join('\r\n')

const basic = (text: string) => `Authorization: Basic ${Buffer.from(text).toString('base64')}`

void t.test('Basic', async (t) => {
  const { gateway, receiver, connect } = await scene(t, { basic: { users: { docusign: 'env:SECRET' } } })
  const secret = gateway.world.variables.get('SECRET') ?? ''
  const rows: [string[], reason: string][] = [
    [[], 'credentials-missing'],
    [[basic('docusign:guess')], 'credentials-invalid'],
    [[basic(`nobody:${secret}`)], 'credentials-invalid'],
    [[`Authorization: Bearer ${secret}`], 'credentials-invalid'],
    [[basic(`docusign:${secret}`), basic(`docusign:${secret}`)], 'malformed-request'],
    [[basic(`docusign:${secret}`), 'Connection: Authorization'], 'malformed-request'],
    [[`Authorization_: x`, basic(`docusign:${secret}`).replace('Authorization', 'authorization_')], 'credentials-missing'],
  ]
  for (const [lines, reason] of rows) {
    const response = await (await connect()).send(waiting(...lines)).response()
    const refused = JSON.parse(response.body.toString()) as { reason: string }
    t.equal(refused.reason, reason, JSON.stringify(lines))
    if (reason.startsWith('credentials')) t.match([response.status, valueOf(response.headers, 'www-authenticate')], [401, /^Basic realm=/])
  }
  t.equal(receiver.seen.length, 0)
  const good = await connect()
  t.equal((await good.send(waiting(basic(`docusign:${secret}`))).response()).status, 100, 'the body is asked for once the credentials are good')
  t.equal((await good.send('{}').response()).status, 200)
  t.equal(valueOf(receiver.seen[0]?.headers ?? [], 'sallyport-sender'), 'docusign')
  const written = JSON.stringify(await gateway.audit(rows.length + 1))
  t.notOk(written.includes(secret) || written.includes(Buffer.from(`docusign:${secret}`).toString('base64')), 'no secret in the record')
})

void t.test('a static token', async (t) => {
  const { receiver, connect } = await scene(t, { bearer: { tokens: { partner: 'literal:0123456789abcdef' } } })
  for (const [lines, reason] of [[[], 'credentials-missing'], [['Authorization: Bearer 0123456789abcdee'], 'credentials-invalid']] as const) {
    const response = await (await connect()).send(waiting(...lines)).response()
    t.equal((JSON.parse(response.body.toString()) as { reason: string }).reason, reason)
    t.match(valueOf(response.headers, 'www-authenticate'), /^Bearer realm=/)
  }
  t.equal(receiver.seen.length, 0)
  const good = await connect()
  t.equal((await good.send(waiting('Authorization: Bearer 0123456789abcdef')).response()).status, 100)
  t.equal((await good.send('{}').response()).status, 200)
  t.equal(valueOf(receiver.seen[0]?.headers ?? [], 'sallyport-sender'), 'partner')
})

/** An issuer on loopback: its key set over TLS, and tokens of the moment. */
async function startIssuer(t: Test) {
  const { ca } = await makePki()
  const { chain, key } = await ca.server()
  const published: { keys: unknown[] } = { keys: [] }
  const server = createServer({ cert: chain, key }, (_, response) => response.end(JSON.stringify(published)))
  await new Promise<void>((done) => { server.listen(0, '127.0.0.1', done) })
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const makeKey = async (kid: string) => {
    const { publicKey, privateKey } = await generateKeyPair('ES256')
    published.keys.push({ ...await exportJWK(publicKey), kid, alg: 'ES256', use: 'sig' })
    return (claims: JWTPayload) => new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid }).sign(privateKey)
  }
  return { url: `https://localhost:${(server.address() as AddressInfo).port}/keys`, fetch: makeFetch({ ca: ca.certificate }), makeKey }
}

const jwt = { issuer: 'https://issuer.example', audience: 'https://hooks.example', algorithms: ['ES256'] }

void t.test('tokens of an issuer whose keys are fetched, and rotate', async (t) => {
  const issuer = await startIssuer(t)
  const { gateway, receiver, connect } = await scene(t, { bearer: { jwt: { ...jwt, keys: issuer.url } } }, {
    fetch: issuer.fetch, settings: { fetched: { directory: 'fetched' } },
  })
  const claims = () => ({ iss: jwt.issuer, aud: jwt.audience, sub: 'partner', exp: gateway.world.clock.now() / 1_000 + 60 })
  const send = async (token: string) => (await (await connect()).send(waiting(`Authorization: Bearer ${token}`)).response()).status
  const first = await issuer.makeKey('first')
  t.equal(await send(await first(claims())), 100, 'the keys are asked for when the first token comes')
  const second = await issuer.makeKey('second')
  t.equal(await send(await second(claims())), 401, 'asked a moment ago: not again')
  gateway.world.clock.advance(60_000)
  t.equal(await send(await second(claims())), 100)
  t.equal(await send(await second({ ...claims(), aud: 'https://else.example' })), 401)
  t.equal(await send(await second({ ...claims(), exp: gateway.world.clock.now() / 1_000 - 61 })), 401)
  t.equal(receiver.seen.length, 0)
})

void t.test('keys that nobody can fetch', async (t) => {
  const { receiver, connect } = await scene(t, { bearer: { jwt: { ...jwt, keys: 'https://localhost:1/keys' } } }, { settings: { fetched: { directory: 'fetched' } } })
  const response = await (await connect()).send(waiting('Authorization: Bearer a.b.c')).response()
  t.equal(response.status, 503)
  t.match(JSON.parse(response.body.toString()), { reason: 'undecidable' })
  t.equal(receiver.seen.length, 0)
})

void t.test('tokens that choose their own algorithm or key get nowhere', async (t) => {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const jwk = { ...await exportJWK(publicKey), alg: 'ES256', kid: 'one' }
  const { gateway, receiver, connect } = await scene(t, { open: true })
  writeFileSync(resolve(gateway.directory, 'keys.json'), JSON.stringify({ keys: [jwk] }))
  const [route] = gateway.settings['routes'] as Record<string, unknown>[]
  gateway.write({ ...gateway.settings, routes: [{ ...route, bearer: { jwt: { ...jwt, keys: 'file:keys.json' } } }] })
  t.equal(await gateway.gateway.reload(), 'taken')
  const claims = { iss: jwt.issuer, aud: jwt.audience, sub: 'partner', exp: gateway.world.clock.now() / 1_000 + 60 }
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const mac = (header: object, key: string) => {
    const text = `${part(header)}.${part(claims)}`
    return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`
  }
  const stranger = await generateKeyPair('ES256')
  const forged = (header: object) => new SignJWT(claims).setProtectedHeader({ alg: 'ES256', ...header }).sign(stranger.privateKey)
  const pem = await exportSPKI(publicKey)
  const rows: [string, string][] = [
    ...['none', 'None', 'NONE', 'nOnE', ''].map((alg): [string, string] => [`alg ${alg}`, `${part({ alg })}.${part(claims)}.`]),
    ['a MAC keyed with the public key, PEM', mac({ alg: 'HS256', kid: 'one' }, pem)], ['a MAC keyed with the public key, JWK', mac({ alg: 'HS256', kid: 'one' }, JSON.stringify(jwk))], ['a MAC called ES256', mac({ alg: 'ES256', kid: 'one' }, pem)],
    ['a MAC keyed with nothing, of a file that is empty', mac({ alg: 'HS256', kid: '../../../../dev/null' }, '')],
    ...await Promise.all(['../keys.json', '/dev/null', 'file:keys.json', "one' OR '1'='1", '__proto__', 'two'].map(async (kid): Promise<[string, string]> => [`kid ${kid}`, await forged({ kid })])),
    ['its own key', await forged({ kid: 'one', jwk: await exportJWK(stranger.publicKey) })], ['a URL of its own keys', await forged({ kid: 'one', jku: 'https://evil.example/keys' })],
    ['a signature of nothing', `${part({ alg: 'ES256', kid: 'one' })}.${part(claims)}.`], ['a signature of zeros (CVE-2022-21449)', `${part({ alg: 'ES256', kid: 'one' })}.${part(claims)}.${Buffer.alloc(64).toString('base64url')}`],
  ]
  for (const [name, token] of rows) {
    const response = await (await connect()).send(waiting(`Authorization: Bearer ${token}`)).response()
    t.equal(response.status, 401, name)
    t.equal((JSON.parse(response.body.toString()) as { reason: string }).reason, 'credentials-invalid', name)
  }
  t.equal(receiver.seen.length, 0, 'the receiver saw nothing')
  const good = await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'one' }).sign(privateKey)
  t.equal((await (await connect()).send(waiting(`Authorization: Bearer ${good}`)).response()).status, 100)
})

void t.test('tokens bound to the certificate of the connection', async (t) => {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const keys = JSON.stringify({ keys: [{ ...await exportJWK(publicKey), alg: 'ES256' }] })
  // The file has to be there before the gateway starts, beside its configuration.
  const { gateway, receiver, connect } = await scene(t, { open: true })
  writeFileSync(resolve(gateway.directory, 'keys.json'), keys)
  const [route] = gateway.settings['routes'] as Record<string, unknown>[]
  gateway.write({ ...gateway.settings, routes: [{ ...route, bearer: { jwt: { ...jwt, keys: 'file:keys.json', certificateBound: true } } }] })
  t.equal(await gateway.gateway.reload(), 'taken')
  const thumbprint = createHash('sha256').update(gateway.sender.der).digest('base64url')
  const token = (cnf: unknown) => new SignJWT({
    iss: jwt.issuer, aud: jwt.audience, exp: gateway.world.clock.now() / 1_000 + 60, ...(cnf === undefined ? {} : { cnf }),
  }).setProtectedHeader({ alg: 'ES256' }).sign(privateKey)
  const rows: ['shown' | 'none', cnf: unknown, status: number][] = [
    ['shown', { 'x5t#S256': thumbprint }, 100],
    ['none', { 'x5t#S256': thumbprint }, 401],
    ['shown', { 'x5t#S256': createHash('sha256').update('another').digest('base64url') }, 401],
    ['shown', undefined, 401],
  ]
  for (const [certificate, cnf, status] of rows) {
    const client = await connect(certificate)
    t.equal((await client.send(waiting(`Authorization: Bearer ${await token(cnf)}`)).response()).status, status, `${certificate} ${JSON.stringify(cnf)}`)
  }
  t.equal(receiver.seen.length, 0)
})

void t.test('an address that one route admits is refused by the other, after its handshake', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const routes = [{ from: ['192.0.2.0/24'] }, { match: { path: '/open' }, open: true }]
  const gateway = await startGateway(t, { receiver: receiver.port, routes })
  const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate })
  t.teardown(() => client.close())
  const refused = await client.send(waiting()).response()
  t.equal(refused.status, 403)
  t.match(JSON.parse(refused.body.toString()), { reason: 'source-not-allowed' })
  t.equal(receiver.seen.length, 0)
})
