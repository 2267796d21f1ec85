import { createHmac } from 'node:crypto'
import t from 'tap'
import { challengeKinds } from '../../src/schemes/challenge-kinds.ts'
import { ConfigurationError } from '../../src/config/problems.ts'
import { secretText, startGateway } from '../support/gateway.ts'
import { rawTls, valueOf, type RawResponse } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

const hmac = (text: string, encoding: 'hex' | 'base64' = 'hex'): string => createHmac('sha256', secretText).update(text).digest(encoding)

/** A scheme of our own for handshakes whose preset is not what is tested: HMAC of the body in `X-Sig`. */
const scheme = (challenge: string) => ({ signature: { header: 'X-Sig', algorithm: 'hmac-sha256' }, challenge })
const route = (kind: string, challenge: Record<string, unknown> = {}) => ({
  signature: { scheme: scheme(kind), secrets: ['env:SECRET'] }, replay: {}, challenge,
})

const request = (line: string, headers: string[] = [], body = ''): string => (
  [`${line} HTTP/1.1`, 'Host: localhost', ...headers, ...(body === '' ? [] : [`Content-Length: ${body.length}`]), '', body].join('\r\n')
)
const signed = (body: string, ...headers: string[]): string => request('POST /hook', [`X-Sig: ${hmac(body)}`, ...headers], body)

const slackBody = '{"type":"url_verification","challenge":"3eZbrw1a"}'
const zoomBody = '{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}'
const twitchType = 'Twitch-Eventsub-Message-Type: webhook_callback_verification'
const gridBody = '[{"data":{"validationCode":"512d38b6"}}]'

interface Answered { readonly name: string; readonly route: Record<string, unknown>; readonly send: string; readonly body: string; readonly headers?: Record<string, string> }
const answered: Answered[] = [
  { name: 'hub', route: route('hub', { verifyToken: 'env:TOKEN' }), send: request('GET /hook?hub.mode=subscribe&hub.challenge=115892&hub.verify_token=my-token'), body: '115892', headers: { 'content-type': 'text/plain', 'x-content-type-options': 'nosniff' } },
  { name: 'dropbox', route: route('dropbox'), send: request('GET /hook?challenge=abc%20def'), body: 'abc def', headers: { 'content-type': 'text/plain' } },
  { name: 'microsoft-graph', route: route('microsoft-graph'), send: request('POST /hook?validationToken=a%3Ab', ['Content-Length: 0']), body: 'a:b' },
  { name: 'x', route: route('x'), send: request('GET /hook?crc_token=tok-en_1'), body: JSON.stringify({ response_token: `sha256=${hmac('tok-en_1', 'base64')}` }) },
  { name: 'okta', route: route('okta'), send: request('GET /hook', ['X-Okta-Verification-Challenge: v1']), body: '{"verification":"v1"}' },
  { name: 'cloudevents', route: route('cloudevents', { origins: ['EventGrid.azure.net'] }), send: request('OPTIONS /hook', ['WebHook-Request-Origin: eventgrid.azure.net', 'WebHook-Request-Rate: 120']), body: '', headers: { 'webhook-allowed-origin': 'eventgrid.azure.net', 'webhook-allowed-rate': '120' } },
  { name: 'slack', route: route('slack'), send: signed(slackBody), body: '3eZbrw1a' },
  { name: 'zoom', route: route('zoom'), send: signed(zoomBody), body: JSON.stringify({ plainToken: 'qgg8vlvZRS6UYooatFL8Aw', encryptedToken: hmac('qgg8vlvZRS6UYooatFL8Aw') }) },
  { name: 'monday', route: route('monday'), send: request('POST /hook', [], '{"challenge":"c1"}'), body: '{"challenge":"c1"}' },
  { name: 'twitch', route: route('twitch'), send: signed('{"challenge":"pogchamp"}', twitchType), body: 'pogchamp' },
  { name: 'azure-event-grid', route: route('azure-event-grid'), send: signed(gridBody, 'Aeg-Event-Type: SubscriptionValidation'), body: '{"validationResponse":"512d38b6"}' },
  { name: 'xero', route: route('xero'), send: signed('{"events":[],"entropy":"S0"}'), body: '' },
]

interface Refused { readonly name: string; readonly route: Record<string, unknown>; readonly send: string; readonly status: number; readonly reason: string }
const hub = route('hub', { verifyToken: 'env:TOKEN' })
const hubQuery = (query: string) => request(`GET /hook?${query}`)
const refused: Refused[] = [
  { name: 'hub, wrong token', route: hub, send: hubQuery('hub.mode=subscribe&hub.challenge=1&hub.verify_token=other'), status: 403, reason: 'challenge-refused' },
  { name: 'hub, no token', route: hub, send: hubQuery('hub.mode=subscribe&hub.challenge=1'), status: 403, reason: 'challenge-refused' },
  { name: 'hub, empty token', route: hub, send: hubQuery('hub.mode=subscribe&hub.challenge=1&hub.verify_token='), status: 403, reason: 'challenge-refused' },
  { name: 'hub, two tokens', route: hub, send: hubQuery('hub.mode=subscribe&hub.challenge=1&hub.verify_token=my-token&hub.verify_token=x'), status: 403, reason: 'challenge-refused' },
  { name: 'hub, unknown mode', route: hub, send: hubQuery('hub.mode=denied&hub.challenge=1&hub.verify_token=my-token'), status: 403, reason: 'challenge-refused' },
  { name: 'hub, control bytes', route: hub, send: hubQuery('hub.mode=subscribe&hub.challenge=a%0d%0aSet-Cookie:x&hub.verify_token=my-token'), status: 403, reason: 'challenge-refused' },
  { name: 'a GET that is no handshake', route: hub, send: request('GET /hook'), status: 405, reason: 'method-not-allowed' },
  { name: 'too long to be echoed', route: route('dropbox'), send: request(`GET /hook?challenge=${'a'.repeat(1025)}`), status: 403, reason: 'challenge-refused' },
  { name: 'x, a delivery as token', route: route('x'), send: request('GET /hook?crc_token=%7B%22a%22%3A1%7D'), status: 403, reason: 'challenge-refused' },
  { name: 'x, a delivery that was signed as a token', route: route('x'), send: signed('true'), status: 403, reason: 'challenge-refused' },
  { name: 'x, another one', route: route('x'), send: signed('1'.repeat(128)), status: 403, reason: 'challenge-refused' },
  { name: 'zoom, the same', route: route('zoom'), send: signed('null'), status: 403, reason: 'challenge-refused' },
  { name: 'x, an empty token', route: route('x'), send: request('GET /hook?crc_token='), status: 403, reason: 'challenge-refused' },
  { name: 'x, two tokens', route: route('x'), send: request('GET /hook?crc_token=a&crc_token=b'), status: 405, reason: 'method-not-allowed' },
  { name: 'x, beyond ASCII', route: route('x'), send: request('GET /hook?crc_token=%C3%A9'), status: 403, reason: 'challenge-refused' },
  { name: 'microsoft-graph, a line break', route: route('microsoft-graph'), send: request('POST /hook?validationToken=a%0Ab', ['Content-Length: 0']), status: 403, reason: 'challenge-refused' },
  { name: 'okta, too long', route: route('okta'), send: request('GET /hook', [`X-Okta-Verification-Challenge: ${'a'.repeat(1025)}`]), status: 403, reason: 'challenge-refused' },
  { name: 'azure-event-grid, unsigned', route: route('azure-event-grid'), send: request('POST /hook', ['Aeg-Event-Type: SubscriptionValidation'], gridBody), status: 401, reason: 'signature-missing' },
  { name: 'azure-event-grid, without a code', route: route('azure-event-grid'), send: signed('[{}]', 'Aeg-Event-Type: SubscriptionValidation'), status: 403, reason: 'challenge-refused' },
  { name: 'slack, a challenge with a control byte', route: route('slack'), send: signed('{"type":"url_verification","challenge":"a\\u0000"}'), status: 403, reason: 'challenge-refused' },
  { name: 'x, a long token', route: route('x'), send: request(`GET /hook?crc_token=${'a'.repeat(129)}`), status: 403, reason: 'challenge-refused' },
  { name: 'zoom, unsigned', route: route('zoom'), send: request('POST /hook', [], zoomBody), status: 401, reason: 'signature-missing' },
  { name: 'zoom, a delivery as token', route: route('zoom'), send: signed('{"event":"endpoint.url_validation","payload":{"plainToken":"v0:1:{}"}}'), status: 403, reason: 'challenge-refused' },
  { name: 'slack, unsigned', route: route('slack'), send: request('POST /hook', [], slackBody), status: 401, reason: 'signature-missing' },
  { name: 'twitch, no challenge', route: route('twitch'), send: signed('{}', twitchType), status: 403, reason: 'challenge-refused' },
  { name: 'cloudevents, a stranger', route: route('cloudevents', { origins: ['eventgrid.azure.net'] }), send: request('OPTIONS /hook', ['WebHook-Request-Origin: evil.example']), status: 403, reason: 'challenge-refused' },
  { name: 'monday with an event', route: route('monday'), send: request('POST /hook', [], '{"challenge":"c","event":{"type":"x"}}'), status: 401, reason: 'signature-missing' },
  { name: 'xero, wrongly signed', route: route('xero'), send: request('POST /hook', [`X-Sig: ${hmac('other')}`], '{"events":[]}'), status: 401, reason: 'signature-mismatch' },
]

type T = Parameters<typeof startGateway>[0]
async function ask(t: T, routes: Record<string, unknown>, send: string): Promise<{ response: RawResponse; seen: readonly unknown[]; record: Record<string, unknown> | undefined }> {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, { receiver: receiver.port, routes: [routes], environment: { TOKEN: 'my-token' } })
  const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate, servername: 'localhost' })
  t.teardown(() => client.close())
  const response = await client.send(send).response()
  return { response, seen: receiver.seen, record: (await gateway.audit(1))[0] }
}

for (const { name, route, send, body, headers = {} } of answered) {
  void t.test(`${name} is answered here`, async (t) => {
    const { response, seen, record } = await ask(t, route, send)
    t.equal(response.status, 200)
    t.equal(response.body.toString(), body)
    for (const [header, value] of Object.entries(headers)) t.equal(valueOf(response.headers, header), value)
    t.match(record, { verdict: 'accepted', reason: 'challenge', status: 200 })
    t.same(seen, [], 'the receiver saw nothing')
  })
}

void t.test('every kind of handshake is here, or has a file of its own', (t) => {
  const elsewhere = ['asana', 'sns']
  const longest = [...challengeKinds].sort((one, other) => other.length - one.length)
  const here = new Set([...answered.map(({ name }) => longest.find((kind) => name.startsWith(kind))), ...elsewhere])
  t.same(challengeKinds.filter((kind) => !here.has(kind)), [])
  t.end()
})

void t.test('each is answered while the receiver is down', async (t) => {
  for (const { name, route, send, body } of answered) {
    const gateway = await startGateway(t, { receiver: 1, routes: [route], environment: { TOKEN: 'my-token' } })
    const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate, servername: 'localhost' })
    t.teardown(() => client.close())
    const response = await client.send(send).response()
    t.equal(response.status, 200, name)
    t.equal(response.body.toString(), body, name)
    t.equal(valueOf(response.headers, 'cache-control'), 'no-store', name)
    if (body !== '') t.equal(valueOf(response.headers, 'x-content-type-options'), 'nosniff', name)
  }
})

for (const { name, route, send, status, reason } of refused) {
  void t.test(`${name} is refused`, async (t) => {
    const { response, seen, record } = await ask(t, route, send)
    t.equal(response.status, status)
    t.match(JSON.parse(response.body.toString()), { reason })
    t.match(record, { verdict: 'refused', reason })
    t.same(seen, [], 'the receiver saw nothing')
  })
}

void t.test('a delivery of such a route gets through as ever', async (t) => {
  const { response, seen } = await ask(t, route('slack'), signed('{"type":"event_callback"}'))
  t.equal(response.status, 200)
  t.equal(seen.length, 1)
})

void t.test('handshakes are answered at a pace', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const { port, pki } = await startGateway(t, { receiver: receiver.port, routes: [route('x')] })
  const client = await rawTls(port, { ca: pki.ca.certificate, servername: 'localhost' })
  t.teardown(() => client.close())
  const statuses: number[] = []
  for (let nth = 0; nth < 31; nth++) statuses.push((await client.send(request(`GET /hook?crc_token=${nth}`)).response()).status)
  t.same(statuses, [...Array.from({ length: 30 }, () => 200), 429])
})

const mistakes: [string, Record<string, unknown>, RegExp][] = [
  ['a sender without handshake', { signature: { preset: 'github', secrets: ['env:SECRET'] }, challenge: {} }, /has no handshake/],
  ['no signature', { open: true, challenge: {} }, /has no handshake/],
  ['hub without token', route('hub'), /verifyToken/],
  ['cloudevents without origins', route('cloudevents'), /origins/],
]
for (const [name, wrong, expected] of mistakes) {
  void t.test(`${name} is a mistake of the configuration`, async (t) => {
    const error: unknown = await startGateway(t, { receiver: 1, routes: [wrong] }).catch((thrown: unknown) => thrown)
    t.ok(error instanceof ConfigurationError)
    t.match((error as Error).message, expected)
  })
}
