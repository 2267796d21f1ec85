import { createPrivateKey } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { makeLargeList, pemOf } from '../support/large-list.ts'
import { day, hour, makeCa, type Identity } from '../support/pki.ts'
import { startGateway, type GatewayOptions } from '../support/gateway.ts'
import { rawTls, type RawClient } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

const post = 'POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}'

async function gatewayWith(t: Test, options: Omit<GatewayOptions, 'receiver' | 'routes'>, files: Record<string, string> = {}) {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const started = await startGateway(t, { receiver: receiver.port, routes: [{ certificate: {} }], ...options })
  for (const [name, text] of Object.entries(files)) writeFileSync(join(started.directory, name), text)
  const ask = async (fields: Record<string, unknown>): Promise<'taken' | 'refused'> => {
    const [listener] = started.settings['listeners'] as [{ tls: object }]
    const tls = { ...listener.tls, clientCertificate: { mode: 'request', ca: ['ca.pem'], ...fields } }
    started.write({ ...started.settings, listeners: [{ ...listener, tls }] })
    return await started.gateway.reload()
  }
  const connect = async (one: Identity): Promise<RawClient> => {
    const client = await rawTls(started.port, { ca: started.pki.ca.certificate, cert: one.chain, key: one.key, servername: 'localhost' })
    t.teardown(() => client.close())
    return client
  }
  const put = (name: string, text: string | Buffer): void => writeFileSync(join(started.directory, name), text)
  return { ...started, receiver, ask, connect, put }
}

async function reasonOf(client: RawClient): Promise<unknown> {
  const { status, body } = await client.send(post).response()
  return status === 200 ? 'accepted' : (JSON.parse(body.toString()) as { reason: string }).reason
}

for (const mode of ['request', 'require'] as const) {
  t.test(`mode ${mode}: revoked by a reload, refused on the connection that is open`, async (t) => {
    const { ask, connect, put, pki, sender, receiver, audit } = await startWithLists(t, mode)
    const good = await pki.ca.client()
    const [open, busy, other] = [await connect(sender), await connect(sender), await connect(good)]
    for (const client of [open, busy, other]) t.equal(await reasonOf(client), 'accepted')
    const seen = receiver.seen.length
    put('ca.crl', await pki.ca.crl([sender]))
    await begin(busy)
    t.equal(await ask({ mode, crl: ['ca.crl'] }), 'taken')
    await open.ended()
    t.equal((await busy.send('{}').response()).status, 200, 'a delivery that was let in before is not torn apart')
    await busy.ended()
    t.equal(await reasonOf(other), 'accepted', 'others are not touched')
    t.equal(receiver.seen.length, seen + 2)
    const again = await connect(sender)
    if (mode === 'require') await again.ended()
    else t.equal(await reasonOf(again), 'certificate-revoked')
    const records = await audit(5)
    t.ok(records.some(({ reason, certificate }) => reason === 'certificate-revoked' && certificate !== undefined), 'it is recorded, with the certificate')
  })
}

/** A delivery that has passed the certificate check and waits for its body. */
async function begin(client: RawClient): Promise<void> {
  const { status } = await client.send(post.replace('\r\n\r\n{}', '\r\nExpect: 100-continue\r\n\r\n')).response()
  if (status !== 100) throw new Error(`not let in: ${status}`)
}

async function startWithLists(t: Test, mode: 'request' | 'require') {
  const started = await gatewayWith(t, {})
  started.put('ca.crl', await started.pki.ca.crl())
  t.equal(await started.ask({ mode, crl: ['ca.crl'] }), 'taken')
  return started
}

t.test('an authority is taken away', async (t) => {
  const started = await gatewayWith(t, {})
  const second = await makeCa()
  started.put('second.pem', second.certificate)
  await started.ask({ ca: ['ca.pem', 'second.pem'] })
  const client = await started.connect(await second.client())
  t.equal(await reasonOf(client), 'accepted')
  await begin(client)
  await started.ask({ ca: ['ca.pem'] })
  t.equal((await client.send('{}').response()).status, 200)
  await client.ended()
  t.equal(await reasonOf(await started.connect(await second.client())), 'certificate-untrusted')
})

t.test('time goes by on an open connection', async (t) => {
  const started = await gatewayWith(t, { settings: { limits: { maxConnectionAge: '7d', idleTimeout: '7d' } } })
  const { world, pki, put, ask, connect } = started
  // By the gateway's clock, which stands: whatever was started took its time.
  const start = world.clock.now()
  put('ca.crl', await pki.ca.crl([], { nextUpdate: start + 2 * hour }))
  await ask({ crl: ['ca.crl'] })
  const short = await connect(await pki.ca.client({ notAfter: start + hour }))
  const long = await connect(await pki.ca.client({ notAfter: start + 10 * day }))
  t.equal(await reasonOf(short), 'accepted')
  t.equal(await reasonOf(long), 'accepted')
  world.clock.advance(hour + 2000)
  t.equal(await reasonOf(short), 'certificate-expired')
  t.equal((await short.ended()).how, 'end', 'and closed')
  t.equal(await reasonOf(long), 'accepted')
  world.clock.advance(hour)
  t.equal(await reasonOf(long), 'revocation-unknown', 'the list is too old')
})

t.test('an intermediate expires on an open connection', async (t) => {
  const started = await gatewayWith(t, { settings: { limits: { idleTimeout: '7d' } } })
  await started.ask({})
  const below = await started.pki.ca.below({ notAfter: started.world.clock.now() + hour })
  const client = await started.connect(await below.client())
  t.equal(await reasonOf(client), 'accepted')
  started.world.clock.advance(hour - 60_000 + 61_000)
  t.equal(await reasonOf(client), 'certificate-expired')
})

t.test('no list for one authority of the chain, or one that is too old: nobody gets in', async (t) => {
  const started = await gatewayWith(t, {})
  const { put, ask, pki, connect, audit } = started
  put('ca.crl', await pki.ca.crl())
  await ask({ crl: ['ca.crl'] })
  t.equal(await reasonOf(await connect(await pki.intermediate.client())), 'revocation-unknown')
  put('ca.crl', await pki.ca.crl([], { nextUpdate: started.world.clock.now() - 1000 }))
  await ask({ crl: ['ca.crl'] })
  t.equal(await reasonOf(await connect(started.sender)), 'revocation-unknown')
  const [first, second] = await audit(2)
  t.match(first, { reason: 'revocation-unknown', facts: { error: 'UNABLE_TO_GET_CRL', authority: /^CN=test intermediate/ } })
  t.match(second, { facts: { error: 'CRL_HAS_EXPIRED', authority: /^CN=test root/, nextUpdate: /^\d{4}-.*Z$/ } })
  t.equal(started.receiver.seen.length, 0)
})

t.test('a reload with a broken list is refused, the old one stays', async (t) => {
  const started = await gatewayWith(t, {})
  const { put, ask, pki, connect, sender } = started
  put('ca.crl', await pki.ca.crl([sender]))
  t.equal(await ask({ crl: ['ca.crl'] }), 'taken')
  const namesake = await makeCa({ name: /CN=(.*)/.exec(pki.ca.authority.certificate.subject)?.[1] ?? '' })
  for (const [name, list] of [['empty', ''], ['junk', 'junk'], ['changes only', await pki.ca.crl([], { deltaOf: 1 })], ['not signed by it', await namesake.crl()]] as const) {
    put('ca.crl', list)
    t.equal(await ask({ crl: ['ca.crl'] }), 'refused', name)
    t.equal(await reasonOf(await connect(sender)), 'certificate-revoked', `${name}: the old one stays`)
  }
  t.equal(started.receiver.seen.length, 0)
})

t.test('DER, and a list of the intermediate that came with the sender', async (t) => {
  const started = await gatewayWith(t, {})
  const { put, ask, pki, connect } = started
  const sender = await pki.intermediate.client()
  put('ca.crl', Buffer.from((await pki.ca.crl()).split('-----')[2] ?? '', 'base64'))
  put('below.crl', await pki.intermediate.crl([await pki.intermediate.client()]))
  t.equal(await ask({ crl: ['ca.crl', 'below.crl'] }), 'taken')
  t.equal(await reasonOf(await connect(sender)), 'accepted')
  put('below.crl', await pki.intermediate.crl([sender]))
  t.equal(await ask({ crl: ['ca.crl', 'below.crl'] }), 'taken')
  t.equal(await reasonOf(await connect(sender)), 'certificate-revoked')
})

t.test('a list of four megabytes is taken in slices: others are served in between', async (t) => {
  const { put, ask, pki, connect, sender } = await gatewayWith(t, {})
  const good = await pki.ca.client()
  const list = makeLargeList({ issuer: Buffer.from(pki.ca.authority.certificate.subjectName.toArrayBuffer()), key: createPrivateKey(pki.ca.key), bytes: 4 * 1024 * 1024, revoked: [sender.serial] })
  for (const [form, file] of [['DER', list], ['PEM', pemOf(list)]] as const) {
    put('ca.crl', file)
    let [turns, isTaken] = [0, false]
    const count = (): void => {
      turns++
      if (!isTaken) setImmediate(count)
    }
    setImmediate(count)
    t.equal(await ask({ crl: ['ca.crl'] }), 'taken', form)
    isTaken = true
    t.ok(turns > 60, `${form}: 120,000 entries, two thousand at a time: ${turns} turns`)
    t.equal(await reasonOf(await connect(sender)), 'certificate-revoked', form)
    t.equal(await reasonOf(await connect(good)), 'accepted', form)
  }
})

t.test('no connection is older than maxConnectionAge', async (t) => {
  const started = await gatewayWith(t, { settings: { limits: { maxConnectionAge: '1m' } } })
  await started.ask({})
  const client = await started.connect(started.sender)
  t.equal(await reasonOf(client), 'accepted')
  started.world.clock.advance(60_001)
  t.equal(await reasonOf(client), 'accepted', 'one more answer')
  await client.ended()
})
