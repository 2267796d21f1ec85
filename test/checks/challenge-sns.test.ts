import { createSign } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { httpsGet } from '../../src/schemes/fetched-keys.ts'
import { startGateway } from '../support/gateway.ts'
import { makeCa, type Identity } from '../support/pki.ts'
import { rawTls, type RawResponse } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

/** A subscription to a topic of AWS SNS is confirmed by the gateway: signed, for our topic, at AWS, and nowhere else. */

type T = Parameters<typeof startGateway>[0]
const topic = 'arn:aws:sns:us-east-1:123456789012:MyTopic'
const token = '2336412f37fb687f5d51e6e2425929f52e8e353134fe72d55ef8b330217d82da'
const confirmation = `/?Action=ConfirmSubscription&TopicArn=${topic}&Token=${token}`
const subscribeUrl = `https://sns.us-east-1.amazonaws.com${confirmation}`
const ca = makeCa()
/** AWS has one key for signing; making it is the slow part. */
const signing = ca.then((authority) => authority.client({ kind: 'rsa', usages: ['1.3.6.1.5.5.7.3.1'], names: ['dns:sns.amazonaws.com'] }))

interface Aws { readonly seen: string[]; readonly signer: Identity; readonly port: number; readonly ca: string; answer: number }

/** What AWS is in these tests: one host with a certificate for signing, and a door for confirmations. */
async function startAws(t: T): Promise<Aws> {
  const authority = await ca
  const server = await authority.server(['sns.us-east-1.amazonaws.com'])
  const signer = await signing
  const seen: string[] = []
  const listening = createServer({ cert: server.chain, key: server.key }, ({ url = '' }, response) => {
    if (url.endsWith('.pem')) return void response.end(signer.certificate)
    seen.push(url)
    response.writeHead(aws.answer, aws.answer === 302 ? { Location: 'https://evil.example/' } : {}).end('<ConfirmSubscriptionResponse/>')
  })
  listening.listen(0, '127.0.0.1')
  await once(listening, 'listening')
  t.teardown(() => {
    listening.closeAllConnections()
    listening.close()
  })
  const aws: Aws = { seen, signer, ca: authority.certificate, port: (listening.address() as AddressInfo).port, answer: 200 }
  return aws
}

function message(signer: Identity, more: Record<string, string> = {}): string {
  const fields: Record<string, string> = {
    Type: 'SubscriptionConfirmation', MessageId: 'm-1', Token: token, TopicArn: topic, Message: 'You have chosen to subscribe',
    SubscribeURL: subscribeUrl, Timestamp: new Date().toISOString(), SignatureVersion: '2',
    SigningCertURL: 'https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123.pem', ...more,
  }
  const names = fields['Type'] === 'Notification'
    ? ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'] : ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type']
  const text = names.filter((name) => fields[name] !== undefined).map((name) => `${name}\n${fields[name]}\n`).join('')
  return JSON.stringify({ ...fields, Signature: createSign('sha256').update(text).sign(signer.key, 'base64') })
}

async function start(t: T, routes: Record<string, unknown> = { challenge: {} }) {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const aws = await startAws(t)
  const lookup = ((_host: string, _options: unknown, found: (error: null, all: unknown) => void) => found(null, [{ address: '127.0.0.1', family: 4 }])) as never
  const gateway = await startGateway(t, {
    receiver: receiver.port, get: httpsGet({ ca: aws.ca, port: aws.port, lookup, isPublic: () => true }),
    files: () => Promise.resolve({ 'amazon.pem': aws.ca }),
    routes: [{ signature: { preset: 'sns', topics: [topic], keys: ['file:amazon.pem'] }, replay: {}, ...routes }],
  })
  const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate, servername: 'localhost' })
  t.teardown(() => client.close())
  const say = async (body: string): Promise<RawResponse> => await client.send(
    ['POST /hook HTTP/1.1', 'Host: localhost', 'Content-Type: text/plain', `Content-Length: ${Buffer.byteLength(body)}`, '', body].join('\r\n'),
  ).response()
  return { aws, receiver, gateway, say }
}

const reason = ({ body }: RawResponse): unknown => (JSON.parse(body.toString()) as { reason?: unknown }).reason

void t.test('a subscription to our topic is confirmed', async (t) => {
  const { aws, receiver, gateway, say } = await start(t)
  const answer = await say(message(aws.signer))
  t.equal(answer.status, 200)
  t.equal(answer.body.length, 0)
  t.same(aws.seen, [confirmation], 'by one GET')
  t.same(receiver.seen, [], 'the receiver saw nothing')
  t.match((await gateway.audit(1))[0], { verdict: 'accepted', reason: 'challenge', status: 200 })
  t.equal((await say(message(aws.signer, { Type: 'Notification', MessageId: 'm-2' }))).status, 200)
  t.equal(receiver.seen.length, 1, 'and what comes then gets through')
})

void t.test('the end of a subscription is taken note of, and not contradicted', async (t) => {
  const { aws, receiver, say } = await start(t)
  t.equal((await say(message(aws.signer, { Type: 'UnsubscribeConfirmation' }))).status, 200)
  t.same(aws.seen, [])
  t.same(receiver.seen, [])
})

void t.test('a route that does not say so confirms nothing', async (t) => {
  const { aws, receiver, say } = await start(t, {})
  t.equal((await say(message(aws.signer))).status, 200)
  t.same(aws.seen, [], 'it is a delivery like any other, and the receiver decides')
  t.equal(receiver.seen.length, 1)
})

const other = 'arn:aws:sns:us-east-1:123456789012:Other'
const refused: [string, Record<string, string>, string][] = [
  ['another host', { SubscribeURL: `https://evil.example${confirmation}` }, 'challenge-refused'],
  ['a host that begins alike', { SubscribeURL: subscribeUrl.replace('.com/', '.com.evil.example/') }, 'challenge-refused'],
  ['a user in front of the host', { SubscribeURL: subscribeUrl.replace('://', '://a@') }, 'challenge-refused'],
  ['another port', { SubscribeURL: subscribeUrl.replace('.com/', '.com:8443/') }, 'challenge-refused'],
  ['no TLS', { SubscribeURL: subscribeUrl.replace('https', 'http') }, 'challenge-refused'],
  ['our own machine', { SubscribeURL: 'https://127.0.0.1/' }, 'challenge-refused'],
  ['the machine that knows the keys', { SubscribeURL: 'http://169.254.169.254/latest/meta-data/' }, 'challenge-refused'],
  ['another action', { SubscribeURL: subscribeUrl.replace('ConfirmSubscription', 'DeleteTopic') }, 'challenge-refused'],
  ['another topic in the URL', { SubscribeURL: subscribeUrl.replace('MyTopic', 'Other') }, 'challenge-refused'],
  ['another token in the URL', { SubscribeURL: `${subscribeUrl}0` }, 'challenge-refused'],
  ['something behind it', { SubscribeURL: `${subscribeUrl}&AuthenticateOnUnsubscribe=true` }, 'challenge-refused'],
  ['another region', { SubscribeURL: subscribeUrl.replace('us-east-1.amazonaws', 'eu-west-1.amazonaws') }, 'challenge-refused'],
  ['a token that is none', { Token: 'a b', SubscribeURL: `https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=${topic}&Token=a b` }, 'challenge-refused'],
  ['another topic', { TopicArn: other, SubscribeURL: subscribeUrl.replace('MyTopic', 'Other') }, 'key-unknown'],
]
for (const [name, more, expected] of refused) {
  void t.test(`${name} is refused`, async (t) => {
    const { aws, receiver, gateway, say } = await start(t)
    t.equal(reason(await say(message(aws.signer, more))), expected)
    t.same(aws.seen, [], 'nobody was asked')
    t.same(receiver.seen, [])
    t.match((await gateway.audit(1))[0], { verdict: 'refused', reason: expected })
  })
}

void t.test('unsigned ones, and those that somebody else signed, are refused', async (t) => {
  const { aws, receiver, say } = await start(t)
  const good = JSON.parse(message(aws.signer)) as Record<string, string>
  t.equal(reason(await say(JSON.stringify({ ...good, Signature: undefined }))), 'signature-missing')
  const stranger = await (await makeCa()).client({ kind: 'rsa' })
  t.equal(reason(await say(message(stranger))), 'signature-mismatch')
  t.equal(reason(await say(JSON.stringify(good).replace('{', '{"Type":"Notification",'))), 'signature-malformed', 'a field twice')
  t.same(aws.seen, [])
  t.same(receiver.seen, [])
})

void t.test('what AWS does not confirm is not said to be confirmed', async (t) => {
  for (const answer of [302, 403, 500]) {
    const { aws, receiver, say } = await start(t)
    aws.answer = answer
    const said = await say(message(aws.signer))
    t.equal(said.status, 503, `${answer}: AWS comes again`)
    t.equal(reason(said), 'undecidable')
    t.same(aws.seen, [confirmation], 'no redirect is followed')
    t.same(receiver.seen, [])
  }
})

void t.test('it is confirmed while the receiver is down', async (t) => {
  const { aws, say, receiver } = await start(t)
  await receiver.close()
  t.equal((await say(message(aws.signer))).status, 200)
  t.same(aws.seen, [confirmation])
})
