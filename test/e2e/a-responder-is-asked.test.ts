import { OCSPRequest } from '@peculiar/asn1-ocsp'
import { AsnConvert } from '@peculiar/asn1-schema'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { pageOf } from '../../src/audit/metrics.ts'
import { usages } from '../../src/pki/authority.ts'
import { askResponder, startOddResponder, startRelay, startResponder, type OddResponder } from '../support/ocsp.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { hour, makeCa, makePki, type Identity, type IdentityOptions, type Pki } from '../support/pki.ts'
import { freePort } from '../support/ports.ts'
import { rawTls, type RawClient } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

const post = (path = '/hook') => `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}`

/** A gateway with an authority of its own, and senders below it. */
async function scene(t: Test, routes: (pki: Pki) => Promise<Record<string, unknown>[]>, clientCertificate: Record<string, unknown> = {}) {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const pki = await makePki()
  const own = await routes(pki)
  const gateway = await startGateway(t, {
    receiver: receiver.port, routes: own, clientCertificate: { ca: ['senders.pem'], ...clientCertificate },
    files: async () => ({ 'senders.pem': pki.ca.certificate, 'senders.crl': await pki.ca.crl() }),
  })
  const connect = async (one: Identity): Promise<RawClient> => {
    const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate, cert: one.chain, key: one.key })
    t.teardown(() => client.close())
    return client
  }
  const deliver = async (one: Identity, path?: string) => await reasonOf(await connect(one), path)
  return { gateway, receiver, senders: pki, connect, deliver }
}

async function reasonOf(client: RawClient, path?: string): Promise<unknown> {
  const { status, body } = await client.send(post(path)).response()
  return status === 200 ? 'accepted' : (JSON.parse(body.toString()) as { reason: string }).reason
}

/** Responders go by real time, and the gateway's clock stands: it is set anew, so that a test may take as long as it takes. */
const setClock = ({ world: { clock } }: TestGateway): void => clock.step(Date.now() - clock.now())
/** A responder's five minutes, and a part of the skew that is allowed: a fresh answer must not be older than that. */
const answerHolds = 5 * 60_000 + 40_000

const lastRecord = async ({ audit }: TestGateway, count: number) => (await audit(count)).at(-1)

/** What the page of metrics says of responders. */
async function counted({ gateway }: TestGateway): Promise<string[]> {
  return (await pageOf([await gateway.measure()])).split('\n').filter((line) => line.startsWith('sallyport_ocsp_')).sort()
}

/** A question with something changed, as an attacker in between changes it. */
function change(question: Buffer, how: (asked: OCSPRequest) => void): Uint8Array {
  const asked = AsnConvert.parse(question, OCSPRequest)
  how(asked)
  return new Uint8Array(AsnConvert.serialize(asked))
}

interface Row { readonly name: string; readonly hard: string; readonly ocsp: string; readonly start: (t: Test, pki: Pki, sender: Identity) => Promise<{ readonly url: string }> }

const signedBy = (signer: (pki: Pki) => Promise<{ readonly certificate: string; readonly key: string }>, args?: readonly string[]): Row['start'] => async (t, { ca, intermediate }, sender) => (
  await startResponder(t, ca, { signer: await signer({ ca, intermediate }), statuses: [['good', sender]], ...args && { args } })
)
const delegate = (options: IdentityOptions = {}) => async ({ ca }: Pki) => await ca.client({ cn: 'responder', usages: [usages.ocsp], ...options })
const odd = (answer: Parameters<typeof startOddResponder>[1]): Row['start'] => (t) => startOddResponder(t, answer)
/** In front of a real responder, which knows that the sender is good. */
const between = (answer: (url: string, question: Buffer, nth: number) => Promise<Buffer>): Row['start'] => async (t, { ca }, sender) => {
  const other = await ca.client()
  const { url } = await startResponder(t, ca, { statuses: [['good', sender], ['good', other]] })
  return await startOddResponder(t, (question, response, nth) => void answer(`${url}`, question, nth).then((bytes) => response.end(bytes)))
}
const withoutNonce = (question: Buffer) => change(question, ({ tbsRequest }) => { delete tbsRequest.requestExtensions })
const unknown = (name: string, ocsp: string, start: Row['start']): Row => ({ name, hard: 'revocation-unknown', ocsp, start })
const good = (name: string, start: Row['start']): Row => ({ name, hard: 'accepted', ocsp: 'good', start })

const rows: readonly Row[] = [
  good('good', signedBy(async ({ ca }) => ca)),
  good('good, signed by whom the authority made its responder', signedBy(delegate())),
  good('good, the signer named by its key', signedBy(delegate(), ['-nmin', '5', '-resp_key_id'])),
  good('good, without the time of the next answer', signedBy(async ({ ca }) => ca, [])),
  { name: 'revoked', hard: 'certificate-revoked', ocsp: 'revoked', start: (t, { ca }, sender) => startResponder(t, ca, { statuses: [['revoked', sender]] }) },
  { name: 'revoked, by an old answer to somebody else', hard: 'certificate-revoked', ocsp: 'revoked', start: async (t, { ca }, sender) => {
    const { url } = await startResponder(t, ca, { statuses: [['revoked', sender]] })
    return await startOddResponder(t, (question, response) => void askResponder(url, withoutNonce(question)).then((bytes) => response.end(bytes)))
  } },
  unknown('unknown to the responder', 'unknown', (t, { ca }) => startResponder(t, ca)),
  unknown('a bit of the signature changed', 'bad-signature', signedBy(async ({ ca }) => ca, ['-nmin', '5', '-badsig'])),
  unknown('signed by a namesake of the authority', 'bad-signature', signedBy(async ({ ca }) => await makeCa({ name: ca.authority.certificate.subject.slice(3) }))),
  unknown('signed with SHA-1', 'signature-algorithm', signedBy(async ({ ca }) => ca, ['-nmin', '5', '-rmd', 'sha1'])),
  unknown('a responder that nobody made one', 'unauthorized-responder', signedBy(({ ca }) => ca.client({ cn: 'sender 2' }))),
  unknown('a responder for anything', 'unauthorized-responder', signedBy(delegate({ usages: ['2.5.29.37.0'] }))),
  unknown('a responder whose certificate has expired', 'unauthorized-responder', signedBy(delegate({ notAfter: Date.now() - hour / 2 }))),
  unknown('a responder whose certificate does not hold yet', 'unauthorized-responder', signedBy(delegate({ notBefore: Date.now() + hour }))),
  unknown('another authority’s responder', 'unauthorized-responder', signedBy(async () => await delegate()(await makePki()))),
  unknown('the responder of an authority below', 'unauthorized-responder', signedBy(({ intermediate }) => intermediate.client({ cn: 'responder', usages: [usages.ocsp] }))),
  unknown('a responder that does not show its certificate', 'unauthorized-responder', signedBy(delegate(), ['-nmin', '5', '-resp_no_certs'])),
  unknown('an answer played again', 'nonce-mismatch', between((url, question) => askResponder(url, change(question, ({ tbsRequest }) => { new Uint8Array(tbsRequest.requestExtensions?.[0]?.extnValue.buffer ?? new ArrayBuffer(0))[5]! ^= 1 })))),
  unknown('an answer without the nonce', 'nonce-missing', between((url, question) => askResponder(url, withoutNonce(question)))),
  unknown('an answer about another certificate', 'other-certificate', between((url, question) => askResponder(url, change(question, ({ tbsRequest: { requestList: [one] } }) => { if (one) one.reqCert.serialNumber = new Uint8Array([9]).buffer })))),
  unknown('an answer about another issuer', 'other-certificate', between((url, question) => askResponder(url, change(question, ({ tbsRequest: { requestList: [one] } }) => { if (one) new Uint8Array(one.reqCert.issuerKeyHash.buffer)[0]! ^= 1 })))),
  unknown('half of an answer', 'unreadable', between(async (url, question) => (await askResponder(url, question)).subarray(0, 200))),
  unknown('an answer and a byte', 'unreadable', between(async (url, question) => Buffer.concat([await askResponder(url, question), Buffer.from([0])]))),
  unknown('try later', 'responder-error', odd((_, response) => response.end(Buffer.from('30030a0103', 'hex')))),
  unknown('unauthorized', 'responder-error', odd((_, response) => response.end(Buffer.from('30030a0106', 'hex')))),
  unknown('successful, and nothing behind', 'unreadable', odd((_, response) => response.end(Buffer.from('30030a0100', 'hex')))),
  unknown('a status that there is not', 'responder-error', odd((_, response) => response.end(Buffer.from('30030a0163', 'hex')))),
  unknown('nothing', 'unreadable', odd((_, response) => response.end())),
  unknown('a page', 'unreadable', odd((_, response) => response.end('<html>captive portal</html>'))),
  unknown('very deep', 'unreadable', odd((_, response) => response.end(Buffer.from('3080'.repeat(5_000), 'hex')))),
  unknown('very wide', 'unreadable', odd((_, response) => response.end(Buffer.concat([Buffer.from('3082ea60', 'hex'), Buffer.alloc(60_000, Buffer.from('0500', 'hex'))])))),
  unknown('too large', 'unreachable', odd((_, response) => response.end(Buffer.alloc(64 * 1024 + 1)))),
  unknown('an error', 'unreachable', odd((_, response) => response.writeHead(500).end())),
  unknown('somewhere else', 'unreachable', odd((_, response, nth) => void (nth === 1 ? response.writeHead(302, { location: '/again' }).end() : response.end()))),
  unknown('broken off', 'unreachable', odd((_, response) => void response.writeHead(200, { 'content-length': '10' }).write('half', () => response.destroy()))),
  unknown('nobody there', 'unreachable', async () => ({ url: `http://127.0.0.1:${await freePort()}/` })),
]

t.test('what a responder answers, in both modes', async (t) => {
  const pki = await makePki()
  const sender = await pki.ca.client()
  const urls = await Promise.all(rows.map(({ start }) => start(t, pki, sender)))
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, {
    receiver: receiver.port, files: () => Promise.resolve({ 'senders.pem': pki.ca.certificate }), clientCertificate: { ca: ['senders.pem'] },
    routes: rows.flatMap((_, at) => ['hard', 'soft'].map((mode) => ({
      name: `${mode}-${at}`, match: { path: `/${at}/${mode}` }, certificate: { ocsp: { mode, responder: urls[at]?.url } },
    }))),
  })
  let [records, seen] = [0, 0]
  for (const [at, { name, hard, ocsp }] of rows.entries()) {
    for (const mode of ['hard', 'soft']) {
      setClock(gateway)
      const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate, cert: sender.chain, key: sender.key })
      const expected = mode === 'soft' && hard === 'revocation-unknown' ? 'accepted' : hard
      t.equal(await reasonOf(client, `/${at}/${mode}`), expected, `${name}, ${mode}`)
      const record = await lastRecord(gateway, ++records)
      if (expected === 'accepted') seen++
      else t.equal((await client.ended()).how, 'end', 'closed')
      if (ocsp !== 'good') t.match(record, { facts: { ocsp, responder: urls[at]?.url } }, `${name}, ${mode}: what stands in the record`)
      else t.equal(record?.['facts'], undefined, name)
      if (mode === 'soft' && hard === 'revocation-unknown') t.match(record, { verdict: 'accepted', facts: { revocation: 'unknown' } }, `${name}: the note`)
      t.equal(receiver.seen.length, seen, `${name}, ${mode}: what the receiver saw`)
      client.close()
    }
  }
})

t.test('a responder that is silent: refused once its time is over, and not waited for again', async (t) => {
  const silent = await startOddResponder(t, () => {})
  const { gateway, receiver, senders, connect } = await scene(t, () => Promise.resolve([
    { certificate: { ocsp: { mode: 'hard', responder: silent.url, timeout: '3s' } } },
    { match: { path: '/soft' }, certificate: { ocsp: { mode: 'soft', responder: silent.url, timeout: '3s' } } },
  ]))
  const sender = await senders.ca.client()
  const [first, second] = [await connect(sender), await connect(sender)]
  const answers = [reasonOf(first), reasonOf(second)]
  while (silent.asked.length === 0) await new Promise((resolve) => { setImmediate(resolve) })
  gateway.world.clock.advance(2_999)
  gateway.world.clock.advance(1)
  t.same(await Promise.all(answers), ['revocation-unknown', 'revocation-unknown'])
  t.equal(silent.asked.length, 1, 'one question for both')
  t.match(await lastRecord(gateway, 2), { facts: { ocsp: 'timed-out', responder: silent.url } })
  t.equal(await reasonOf(await connect(sender)), 'revocation-unknown', 'at once')
  t.equal(receiver.seen.length, 0)
  t.equal(await reasonOf(await connect(sender), '/soft'), 'accepted')
  t.equal(silent.asked.length, 1, 'and the other route knows it, too')
  t.match(await lastRecord(gateway, 4), { verdict: 'accepted', facts: { revocation: 'unknown', ocsp: 'timed-out' } })
})

t.test('answers of another time', async (t) => {
  for (const [name, step, ocsp] of [['stale', 7 * 60_000, 'stale'], ['of the future', -7 * 60_000, 'not-yet-valid']] as const) {
    for (const args of [['-nmin', '5'], []]) {
      const { gateway, receiver, senders, connect } = await scene(t, async ({ ca }) => {
        const { url } = await startResponder(t, ca, { args, statuses: [['good', await ca.client()]] })
        return [{ certificate: { ocsp: { mode: 'hard', responder: url } } }]
      })

      const sender = await senders.ca.client()
      const client = await connect(sender)
      setClock(gateway)
      gateway.world.clock.step(step)
      t.equal(await reasonOf(client), 'revocation-unknown', name)
      t.match(await lastRecord(gateway, 1), { facts: { ocsp } }, `${name} ${args.join(' ')}`)
      t.equal(receiver.seen.length, 0)
    }
  }
})

t.test('revoked while its connection is open', async (t) => {
  let relay: OddResponder | undefined
  let say: Awaited<ReturnType<typeof startResponder>>['say'] = () => Promise.resolve()
  const { gateway, receiver, senders, connect } = await scene(t, async ({ ca }) => {
    const real = await startResponder(t, ca)
    say = real.say
    relay = await startRelay(t, real.url)
    return [{ certificate: { ocsp: { mode: 'soft', responder: relay.url } } }]
  })
  const sender = await senders.ca.client()
  await say([['good', sender]])
  const client = await connect(sender)
  setClock(gateway)
  for (let nth = 0; nth < 3; nth++) t.equal(await reasonOf(client), 'accepted')
  t.equal(relay?.asked.length, 1, 'asked once')
  await say([['revoked', sender]])
  t.equal(await reasonOf(client), 'accepted', 'what was said holds for its time')
  t.equal(await gateway.gateway.reload(), 'taken')
  t.equal(await reasonOf(client), 'accepted', 'over a reload, too')
  t.equal(relay?.asked.length, 1)
  gateway.world.clock.advance(answerHolds)
  t.equal(await reasonOf(client), 'certificate-revoked')
  await client.ended()
  t.equal(receiver.seen.length, 5)
  t.equal(await reasonOf(await connect(sender)), 'certificate-revoked', 'and stays it')
  t.match(await lastRecord(gateway, 7), { reason: 'certificate-revoked', facts: { ocsp: 'revoked', revokedAt: '2026-11-01T00:00:00.000Z' } })
})

t.test('a fresh answer closes every connection of a certificate that it says is revoked, idle ones too', async (t) => {
  let say: Awaited<ReturnType<typeof startResponder>>['say'] = () => Promise.resolve()
  const { gateway, receiver, senders, connect } = await scene(t, async ({ ca }) => {
    const real = await startResponder(t, ca)
    say = real.say
    const ocsp = { mode: 'hard', responder: real.url }
    return [{ certificate: { ocsp } }, { match: { path: '/off' }, certificate: {} }]
  })
  const [sender, other] = await Promise.all([senders.ca.client(), senders.ca.client()])
  await say([['good', sender], ['good', other]])
  setClock(gateway)
  const [asking, idle, unused, elsewhere, honest] = [await connect(sender), await connect(sender), await connect(sender), await connect(sender), await connect(other)]
  for (const client of [asking, idle, honest]) t.equal(await reasonOf(client), 'accepted')
  t.equal(await reasonOf(elsewhere, '/off'), 'accepted')
  await say([['revoked', sender], ['good', other]])
  gateway.world.clock.advance(answerHolds)
  t.equal(await reasonOf(asking), 'certificate-revoked')
  for (const [name, client] of Object.entries({ asking, idle, unused, elsewhere })) t.equal((await client.ended()).how, 'end', `${name} is closed`)
  t.equal(await reasonOf(honest), 'accepted', 'others are not touched')
  t.equal(receiver.seen.length, 5)
  t.same(await counted(gateway), ['sallyport_ocsp_answers_total{outcome="good"} 3', 'sallyport_ocsp_answers_total{outcome="revoked"} 1', 'sallyport_ocsp_reused_total 1'])
})

t.test('an authority that is revoked takes the connections below it along; and what fails is counted', async (t) => {
  const pki = await makePki()
  const [below, beside] = [await pki.intermediate.client(), await pki.ca.client()]
  const middle = { serial: pki.intermediate.authority.certificate.serialNumber }
  const root = await startResponder(t, pki.ca, { statuses: [['good', middle], ['good', beside]] })
  const under = await startResponder(t, pki.intermediate, { statuses: [['good', below]] })
  const both = await startOddResponder(t, (question, response) => {
    const [one] = AsnConvert.parse(question, OCSPRequest).tbsRequest.requestList
    const serial = Buffer.from(one?.reqCert.serialNumber ?? new ArrayBuffer(0)).toString('hex')
    void askResponder(serial === below.serial ? under.url : root.url, question).then((bytes) => response.end(bytes))
  })
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, {
    receiver: receiver.port, files: () => Promise.resolve({ 'senders.pem': pki.ca.certificate }), clientCertificate: { ca: ['senders.pem'] },
    routes: [
      { certificate: { ocsp: { mode: 'hard', certificates: 'chain', responder: both.url } } },
      { match: { path: '/dead' }, certificate: { ocsp: { mode: 'hard', responder: `http://127.0.0.1:${await freePort()}/` } } },
    ],
  })
  const connect = async (one: Identity) => {
    const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate, cert: one.chain, key: one.key })
    t.teardown(() => client.close())
    return client
  }
  setClock(gateway)
  const [asking, idle, aside] = [await connect(below), await connect(below), await connect(beside)]
  for (const client of [asking, idle, aside]) t.equal(await reasonOf(client), 'accepted')
  await root.say([['revoked', middle], ['good', beside]])
  gateway.world.clock.advance(answerHolds)
  t.equal(await reasonOf(asking), 'certificate-revoked')
  await idle.ended()
  t.equal(await reasonOf(aside), 'accepted')
  t.equal(await reasonOf(aside, '/dead'), 'revocation-unknown')
  t.equal(receiver.seen.length, 4)
  t.same((await counted(gateway)).slice(0, 3), ['good"} 5', 'revoked"} 1', 'unreachable"} 1'].map((tail) => `sallyport_ocsp_answers_total{outcome="${tail}`))
})

t.test('nobody is asked about a certificate that something cheaper refuses', async (t) => {
  let relay: OddResponder | undefined
  const { gateway, receiver, senders, deliver } = await scene(t, async ({ ca }) => {
    const real = await startResponder(t, ca)
    relay = await startRelay(t, real.url)
    const ocsp = { mode: 'hard', responder: relay.url }
    return [
      { certificate: { ocsp, san: 'dns:other.example' } }, { match: { path: '/deny' }, certificate: { ocsp, deny: `serial:${'1'.repeat(32)}`, depth: 0 } },
      { match: { path: '/observe' }, certificate: { ocsp, san: 'dns:other.example' }, mode: 'observe' },
      { match: { path: '/optional' }, certificate: { ocsp, optional: true } },
    ]
  }, { crl: ['senders.crl'] })
  const rows: [string, string | undefined, Identity, string][] = [
    ['a name', undefined, await senders.ca.client(), 'certificate-not-allowed'],
    ['no trust', '/deny', await (await makeCa()).client(), 'certificate-untrusted'],
    ['time', '/deny', await senders.ca.client({ notAfter: gateway.world.clock.now() - 1000 }), 'certificate-expired'],
    ['no list of its authority', '/deny', await senders.intermediate.client(), 'revocation-unknown'],
    ['a name, only observed', '/observe', await senders.ca.client(), 'accepted'],
  ]
  for (const [name, path, one, reason] of rows) t.equal(await deliver(one, path), reason, name)
  const revoked = await senders.ca.client()
  writeFileSync(join(gateway.directory, 'senders.crl'), await senders.ca.crl([revoked]))
  await gateway.gateway.reload()
  t.equal(await deliver(revoked, '/deny'), 'certificate-revoked')
  const bare = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate })
  t.teardown(() => bare.close())
  t.equal(await reasonOf(bare, '/optional'), 'accepted', 'no certificate, optional')
  t.equal(relay?.asked.length, 0)
  t.equal(receiver.seen.length, 2)
  t.equal(await deliver(await senders.ca.client(), '/deny'), 'revocation-unknown', 'the others are')
  t.equal(relay?.asked.length, 1)
})

t.test('the certificate’s own responder, the listener’s rule, and routes that say otherwise', async (t) => {
  let [url, say]: [string, Awaited<ReturnType<typeof startResponder>>['say']] = ['', () => Promise.resolve()]
  const { gateway, receiver, senders, deliver } = await scene(t, async ({ ca }) => {
    ({ url, say } = await startResponder(t, ca))
    return [{ certificate: {} }, { match: { path: '/off' }, certificate: { ocsp: { mode: 'off' } } }, { match: { path: '/soft' }, certificate: { ocsp: { mode: 'soft' } } }]
  }, { mode: 'require', ocsp: { mode: 'hard' } })
  const [good, revoked, nowhere, mail] = await Promise.all([senders.ca.client({ ocsp: url }), senders.ca.client({ ocsp: url }), senders.ca.client(), senders.ca.client({ ocsp: 'ldap://127.0.0.1/x' })])
  await say([['good', good], ['revoked', revoked]])
  t.equal(await deliver(good), 'accepted')
  t.equal(await deliver(revoked), 'certificate-revoked')
  t.equal(await deliver(nowhere), 'revocation-unknown')
  t.match(await lastRecord(gateway, 3), { facts: { ocsp: 'no-responder', authority: /^CN=/ } })
  t.equal(await deliver(mail), 'revocation-unknown', 'nothing but http')
  t.equal(await deliver(revoked, '/off'), 'accepted')
  t.equal(await deliver(nowhere, '/soft'), 'accepted')
  t.equal(await deliver(revoked, '/soft'), 'certificate-revoked')
  t.equal(receiver.seen.length, 3)
})

t.test('the whole chain', async (t) => {
  let say: Awaited<ReturnType<typeof startResponder>>['say'] = () => Promise.resolve()
  let [root, below] = ['', '']
  const pki = await makePki()
  const middle = { serial: pki.intermediate.authority.certificate.serialNumber }
  const sender = await pki.intermediate.client()
  const started = await startResponder(t, pki.ca, { statuses: [['good', middle]] })
  ;({ url: root, say } = started)
  ;({ url: below } = await startResponder(t, pki.intermediate, { statuses: [['good', sender]] }))
  // One address for both, as an authority that runs one responder for all of its certificates.
  const both = await startOddResponder(t, (question, response) => {
    const [one] = AsnConvert.parse(question, OCSPRequest).tbsRequest.requestList
    const about = Buffer.from(one?.reqCert.serialNumber ?? new ArrayBuffer(0)).toString('hex') === middle.serial ? root : below
    void askResponder(about, question).then((bytes) => response.end(bytes))
  })
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, {
    receiver: receiver.port, files: () => Promise.resolve({ 'senders.pem': pki.ca.certificate }), clientCertificate: { ca: ['senders.pem'] },
    routes: [
      { certificate: { ocsp: { mode: 'hard', certificates: 'chain', responder: both.url } } },
      { match: { path: '/leaf' }, certificate: { ocsp: { mode: 'hard', responder: both.url } } },
    ],
  })
  const deliver = async (path?: string) => {
    const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate, cert: sender.chain, key: sender.key })
    t.teardown(() => client.close())
    return await reasonOf(client, path)
  }
  setClock(gateway)
  t.equal(await deliver('/leaf'), 'accepted')
  t.equal(both.asked.length, 1, 'the leaf alone')
  t.equal(await deliver(), 'accepted')
  t.equal(both.asked.length, 2, 'and the one above it')
  await say([['revoked', middle]])
  gateway.world.clock.advance(answerHolds)
  t.equal(await deliver(), 'certificate-revoked')
  t.equal(receiver.seen.length, 2)
})

t.test('a responder whose own certificate is on a list is none', async (t) => {
  const pki = await makePki()
  const responder = await pki.ca.client({ cn: 'responder', usages: [usages.ocsp] })
  const sender = await pki.ca.client()
  const { url } = await startResponder(t, pki.ca, { signer: responder, statuses: [['good', sender]] })
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, {
    receiver: receiver.port, routes: [{ certificate: { ocsp: { mode: 'hard', responder: url } } }],
    files: async () => ({ 'senders.pem': pki.ca.certificate, 'senders.crl': await pki.ca.crl([responder]) }), clientCertificate: { ca: ['senders.pem'], crl: ['senders.crl'] },
  })
  const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate, cert: sender.chain, key: sender.key })
  t.teardown(() => client.close())
  t.equal(await reasonOf(client), 'revocation-unknown')
  t.match(await lastRecord(gateway, 1), { facts: { ocsp: 'unauthorized-responder' } })
  t.equal(receiver.seen.length, 0)
})

t.test('a listener that wants it of every sender, and a route that does not ask for a certificate', async (t) => {
  const start = (clientCertificate: Record<string, unknown>) => startGateway(t, { receiver: 1, routes: [{ open: true }], clientCertificate })
  await t.rejects(start({ mode: 'require', ocsp: { mode: 'soft' } }), { message: /a listener wants responders asked/ })
  await t.rejects(start({ ocsp: { mode: 'hard', responder: 'ldap://x' } }), { message: /no URL of a responder/ })
  await t.rejects(start({ ocsp: { mode: 'hard', responder: 'http://u:p@x/' } }), { message: /no URL of a responder/ })
  await t.resolves(start({ mode: 'require', ocsp: { mode: 'off' } }))
  await t.resolves(start({ mode: 'request', ocsp: { mode: 'hard' } }))
})
