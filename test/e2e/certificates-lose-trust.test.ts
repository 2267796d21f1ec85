import { createPrivateKey, X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { RevocationList } from '../../src/certificates/revocation-list.ts'
import { makeLargeList, pemOf } from '../support/large-list.ts'
import { day, hour, makeCa, type Identity } from '../support/pki.ts'
import { startGateway, type GatewayOptions } from '../support/gateway.ts'
import { rawTls, type RawClient } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

const post = 'POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}'

async function gatewayWith(t: Test, options: Partial<GatewayOptions>, files: Record<string, string> = {}) {
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

t.test('certificates are demanded by a reload: an open connection without one gets nothing more', async (t) => {
  const { ask, port, pki, receiver, audit, settings, write, gateway } = await gatewayWith(t, { routes: [{ open: true }], clientCertificate: false })
  const client = await rawTls(port, { ca: pki.ca.certificate })
  t.teardown(() => client.close())
  t.equal(await reasonOf(client), 'accepted')
  t.equal(await ask({ mode: 'require' }), 'taken')
  t.equal(await reasonOf(client), 'certificate-missing')
  t.equal((await client.ended()).how, 'end')
  t.equal(receiver.seen.length, 1)
  t.match((await audit(2))[1], { reason: 'certificate-missing', status: 403 })
  write(settings)
  t.equal(await gateway.reload(), 'taken')
})

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

/** Time in which nobody has to look: a minute began just before. */
const soon = 30_000

t.test('time goes by on an open connection', async (t) => {
  const started = await gatewayWith(t, { settings: { limits: { maxConnectionAge: '7d', idleTimeout: '7d' } } })
  const { world, pki, put, ask, connect, audit, receiver } = started
  const now = world.clock.now()
  put('ca.crl', await pki.ca.crl([], { nextUpdate: now + 2 * hour + soon }))
  await ask({ crl: ['ca.crl'] })
  const short = await connect(await pki.ca.client({ notAfter: now + hour + soon }))
  const long = await connect(await pki.ca.client({ notAfter: now + 10 * day }))
  t.equal(await reasonOf(short), 'accepted')
  t.equal(await reasonOf(long), 'accepted')
  world.clock.advance(hour + soon + 2_000)
  t.equal(await reasonOf(short), 'certificate-expired')
  t.equal((await short.ended()).how, 'end', 'and closed')
  t.equal(await reasonOf(long), 'accepted')
  world.clock.advance(hour)
  t.equal(await reasonOf(long), 'revocation-unknown', 'the list is too old')
  t.equal(receiver.seen.length, 3)
  t.match((await audit(5)).filter(({ verdict }) => verdict === 'refused'), [{ reason: 'certificate-expired' }, { reason: 'revocation-unknown' }])
})

t.test('what expires closes its connections within a minute, idle ones too; others stay', async (t) => {
  const started = await gatewayWith(t, { routes: [{ match: { path: '/hook' }, certificate: {} }, { match: { path: '/open' }, open: true }], settings: { limits: { maxConnectionAge: '7d', idleTimeout: '7d' } } })
  const { world, pki, put, ask, connect, receiver, port } = started
  const now = world.clock.now()
  put('ca.crl', await pki.ca.crl([], { nextUpdate: now + 2 * hour }))
  put('below.crl', await pki.intermediate.crl([], { nextUpdate: now + 3 * hour }))
  await ask({ crl: ['ca.crl', 'below.crl'] })
  const short = await connect(await pki.ca.client({ notAfter: now + hour }))
  const long = await connect(await pki.ca.client())
  for (const client of [short, long]) t.equal(await reasonOf(client), 'accepted')
  const isOpen = async (client: RawClient) => (await client.send(post.replace('/hook', '/open')).response()).status === 200
  // Nobody trusted it in the handshake, and its route does not ask.
  const stranger = await connect(await (await makeCa()).client())
  const nobody = await rawTls(port, { ca: pki.ca.certificate })
  t.teardown(() => nobody.close())
  for (const client of [stranger, nobody]) t.ok(await isOpen(client))
  world.clock.advance(hour + 60_000)
  t.equal((await short.ended()).how, 'end', 'its certificate expired')
  t.equal(await reasonOf(long), 'accepted')
  world.clock.advance(hour)
  t.equal((await long.ended()).how, 'end', 'the list of its authority is too old')
  for (const client of [stranger, nobody]) t.ok(await isOpen(client))
  t.equal(receiver.seen.length, 7)
})

t.test('an intermediate expires on an open connection', async (t) => {
  const started = await gatewayWith(t, { settings: { limits: { idleTimeout: '7d' } } })
  await started.ask({})
  const below = await started.pki.ca.below({ notAfter: started.world.clock.now() + hour + soon })
  const client = await started.connect(await below.client())
  t.equal(await reasonOf(client), 'accepted')
  started.world.clock.advance(hour + soon + 2_000)
  t.equal(await reasonOf(client), 'certificate-expired')
  t.equal(started.receiver.seen.length, 1)
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

t.test('a long list of an authority that only the sender sends is verified off the event loop, before anybody asks', async (t) => {
  const { put, ask, pki, connect, receiver } = await gatewayWith(t, {})
  const { intermediate } = pki
  const [good, revoked] = [await intermediate.client(), await intermediate.client()]
  const list = (serials: readonly string[]) => makeLargeList({ issuer: Buffer.from(intermediate.authority.certificate.subjectName.toArrayBuffer()), key: createPrivateKey(intermediate.key), bytes: 2 * 1024 * 1024, revoked: serials })
  put('ca.crl', await pki.ca.crl())
  put('below.crl', list([revoked.serial]))
  const name = new X509Certificate(intermediate.certificate).subject
  const [later, now] = [RevocationList.prototype.isIssuedByLater, RevocationList.prototype.isIssuedBy]
  const done: string[] = []
  const [aheads, asked] = [
    t.capture(RevocationList.prototype, 'isIssuedByLater', async function verify(this: RevocationList, authority: X509Certificate) {
      const answer = await later.call(this, authority)
      if (authority.subject === name && this.names(authority)) done.push('verified')
      return answer
    }),
    t.capture(RevocationList.prototype, 'isIssuedBy', function ask(this: RevocationList, authority: X509Certificate) {
      if (authority.subject === name && this.names(authority)) done.push('asked')
      return now.call(this, authority)
    }),
  ]
  t.equal(await ask({ crl: ['ca.crl', 'below.crl'] }), 'taken')
  t.same(done, [], 'nobody sent that authority yet')
  const open = await connect(good)
  t.equal(await reasonOf(open), 'accepted')
  t.equal(done[0], 'verified', 'by the connection, before its delivery asks')
  t.equal(await reasonOf(await connect(revoked)), 'certificate-revoked')
  done.length = 0
  put('below.crl', list([good.serial]))
  t.equal(await ask({ crl: ['ca.crl', 'below.crl'] }), 'taken')
  await open.ended()
  t.equal(done[0], 'verified', 'by the reload, before it asks for open connections')
  t.equal(await reasonOf(await connect(good)), 'certificate-revoked')
  t.equal(await reasonOf(await connect(revoked)), 'accepted')
  t.ok(aheads().length + asked().length > 0)
  t.equal(receiver.seen.length, 2)
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
