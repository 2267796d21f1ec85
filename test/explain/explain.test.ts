import { createHmac } from 'node:crypto'
import { resolve } from 'node:path'
import t from 'tap'
import { parseAddress } from '../../src/addresses/address.ts'
import type { Address } from '../../src/core/delivery.ts'
import { readCertificate } from '../../src/explain/circumstances.ts'
import { explain } from '../../src/explain/explain.ts'
import { prepareOffline } from '../../src/explain/offline.ts'
import { printExplanation } from '../../src/explain/print.ts'
import type { Recorded } from '../../src/explain/recorded.ts'
import { compileSender } from '../../src/send/sender.ts'
import { makeCa, makePki } from '../support/pki.ts'
import { stillWorld } from '../support/world.ts'

const secret = 'a secret of the tests, long enough'
const at = Math.floor(Date.now() / 1000) * 1000
const seconds = String(at / 1000)
const from = parseAddress('203.0.113.7') as Address

const routes = {
  github: { signature: { preset: 'github', secrets: ['env:SECRET'] } },
  stripe: { signature: { preset: 'stripe', secrets: ['env:SECRET', 'env:OLD'] }, replay: {} },
  certificate: { certificate: { san: ['dns:sender.example'] } },
  addresses: { from: ['203.0.113.0/24'] },
  base64: { signature: { preset: 'hmac', secrets: ['env:ENCODED'], header: 'X-Sig' } },
  old: { signature: { preset: 'github', secrets: ['env:OLD'] } },
  shopify: { signature: { preset: 'shopify', secrets: ['env:SECRET'] } },
  decoded: { signature: { scheme: { signature: { header: 'X-Sig', algorithm: 'hmac-sha256', key: { form: 'base64' } } }, secrets: ['env:ENCODED'] } },
  urls: { signature: { scheme: { signature: { header: 'X-Sig', algorithm: 'hmac-sha256' }, message: '{url}{body}' }, secrets: ['env:SECRET'], publicUrl: 'https://hooks.example.com/urls' } },
  named: {
    signature: {
      scheme: { signature: { header: 'X-Sig', algorithm: 'hmac-sha256' }, keyId: { header: 'X-Key' } },
      secrets: [{ id: 'k1', secret: 'env:SECRET' }, { id: 'k2', secret: 'env:OLD' }],
    },
  },
}

async function offline(t: Test) {
  const pki = await makePki()
  const [server, sender, rogue] = await Promise.all([pki.ca.server(), pki.ca.client(), (await makeCa()).client()])
  const directory = t.testdir({
    'server.pem': server.chain, 'server.key': server.key, 'ca.pem': pki.ca.certificate, 'sender.pem': sender.chain, 'rogue.pem': rogue.chain,
    'sallyport.yaml': JSON.stringify({
      listeners: [{ address: '127.0.0.1:0', tls: { certificate: 'server.pem', key: 'server.key', clientCertificate: { mode: 'request', ca: ['ca.pem'] } } }],
      receivers: { target: { url: 'http://127.0.0.1:1' } },
      routes: Object.entries(routes).map(([name, route]) => ({ name, match: { path: `/${name}` }, forward: { to: 'target' }, ...route })),
    }),
  })
  const world = stillWorld({ SECRET: secret, OLD: 'an old secret, just as long as that', ENCODED: Buffer.from(secret).toString('base64') })
  return { offline: await prepareOffline(resolve(directory, 'sallyport.yaml'), world, at), directory }
}
interface Test { readonly testdir: (files: Record<string, string>) => string }

const mac = (text: string, key = secret): string => createHmac('sha256', key).update(text).digest('hex')
function post(target: string, body: string, ...rawHeaders: string[]): Recorded {
  return { method: 'POST', target, version: '1.1', rawHeaders: ['Host', 'localhost', ...rawHeaders], body: Buffer.from(body), notes: [] }
}

void t.test('an accepted delivery, with what was signed and by which key', async (t) => {
  const { offline: loaded } = await offline(t)
  const explained = await explain(loaded, post('/github', 'hi', 'X-Hub-Signature-256', `sha256=${mac('hi')}`), { from, certificate: undefined, at })
  t.match(explained, { verdict: 'accepted', route: 'github', likely: [] })
  const step = explained.steps.find(({ check }) => check === 'signature')
  t.match(step, { verdict: 'pass', signature: { signed: Buffer.from('hi'), expected: [{ text: mac('hi'), key: 'env:SECRET' }] } })
  const printed = printExplanation(explained, 'bytes')
  t.match(printed, /signed {6}"hi"/)
  t.match(printed, /in hex {6}6869/)
  t.notMatch(printed, secret)
  t.notMatch(JSON.stringify(explained), secret)
})

void t.test('each usual mistake is named', async (t) => {
  const { offline: loaded } = await offline(t)
  const compact = '{"a":1,"b":"\u00e9"}'
  const hub = (signature: string): [string, string] => ['X-Hub-Signature-256', `sha256=${signature}`]
  const stripe = (time: string, text: string, key = secret): [string, string] => ['Stripe-Signature', `t=${time},v1=${mac(`${time}.${text}`, key)}`]
  const cases: [string, Recorded, RegExp][] = [
    ['printed again with blanks', post('/github', '{"a": 1, "b": "\u00e9"}', ...hub(mac(compact))), /compact JSON/],
    ['printed again compact', post('/github', '{"a":1}', ...hub(mac('{"a": 1}'))), /Python/],
    ['printed again pretty', post('/github', '{"a":1}', ...hub(mac('{\n  "a": 1\n}'))), /two blanks/],
    ['a line feed added', post('/github', `${compact}\n`, ...hub(mac(compact))), /ends in a line feed that was not signed/],
    ['a line feed lost', post('/github', compact, ...hub(mac(`${compact}\n`))), /ended in a line feed/],
    ['CRLF', post('/github', 'a\r\nb', ...hub(mac('a\nb'))), /LF to CRLF/],
    ['base64 for hex', post('/github', compact, ...hub(createHmac('sha256', secret).update(compact).digest('base64'))), /in base64/],
    ['a secret with a line feed', post('/github', compact, ...hub(mac(compact, `${secret}\n`))), /ends in a line feed/],
    ['a secret that is to be decoded', post('/base64', compact, 'X-Sig', mac(compact)), /decoded from base64/],
    ['milliseconds', post('/stripe', compact, ...stripe(`${seconds}000`, compact)), /milliseconds/],
  ]
  const old = 'an old secret, just as long as that'
  const url = (text: string) => mac(`${text}${compact}`)
  const encoded = Buffer.from(secret).toString('base64')
  cases.push(
    ['CRLF lost', post('/github', 'a\nb', ...hub(mac('a\r\nb'))), /CRLF to LF/],
    ['hex for base64', post('/shopify', compact, 'X-Shopify-Hmac-Sha256', mac(compact)), /written in hex/],
    ['base64url for hex', post('/github', compact, ...hub(createHmac('sha256', secret).update(compact).digest('base64url'))), /in base64url/],
    ['another algorithm', post('/github', compact, ...hub(createHmac('sha512', secret).update(compact).digest('hex'))), /signs with hmac-sha512/],
    ['the wrong secret of the rotation: one of another route', post('/github', compact, ...hub(mac(compact, old))), /signed with env:OLD of the route old/],
    ['a key that was not decoded', post('/decoded', compact, 'X-Sig', mac(compact, encoded)), /taken as it is written, not decoded/],
    ['a renamed key of the rotation', post('/named', compact, 'X-Key', 'k1', 'X-Sig', mac(compact, old)), /signed with env:OLD, and names the key k1/],
    ['the scheme, behind a proxy', post('/urls', compact, 'X-Sig', url('http://hooks.example.com/urls')), /knows the URL as http:\/\/hooks\.example\.com\/urls/],
    ['the port, behind a proxy', post('/urls', compact, 'X-Sig', url('https://hooks.example.com:443/urls')), /hooks\.example\.com:443\/urls/],
    ['the host, behind a proxy', post('/urls', compact, 'X-Sig', url('https://localhost/urls')), /https:\/\/localhost\/urls/],
    ['the slash at the end', post('/urls', compact, 'X-Sig', url('https://hooks.example.com/urls/')), /urls\/$/m],
  )
  for (const [name, recorded, expected] of cases) {
    const explained = await explain(loaded, recorded, { from, certificate: undefined, at })
    t.equal(explained.verdict, 'refused', name)
    t.match(explained.likely.join('\n'), expected, name)
  }
})

void t.test('how far the clocks are apart is told, and a key by its fingerprint', async (t) => {
  const { offline: loaded } = await offline(t)
  const cases: [number, string, string | undefined][] = [
    [-301, '301000', 'timestamp-expired'], [-300, '300000', undefined], [0, '0', undefined], [300, '-300000', undefined], [301, '-301000', 'timestamp-in-future'],
  ]
  for (const [shift, age, reason] of cases) {
    const time = String(at / 1000 + shift)
    const explained = await explain(loaded, post('/stripe', '{}', 'Stripe-Signature', `t=${time},v1=${mac(`${time}.{}`)}`), { from, certificate: undefined, at })
    t.equal(explained.reason, reason, String(shift))
    const printed = printExplanation(explained, 'text')
    t.match(printed, new RegExp(`\\bage +${age}\\n`))
    t.match(printed, /\bkey +env:SECRET, fingerprint \S+/)
    t.notMatch(printed, secret)
  }
})

void t.test('nothing is guessed where nothing fits', async (t) => {
  const { offline: loaded } = await offline(t)
  const explained = await explain(loaded, post('/github', 'hi', 'X-Hub-Signature-256', `sha256=${mac('other')}`), { from, certificate: undefined, at })
  t.match(explained, { verdict: 'refused', reason: 'signature-mismatch', status: 401, likely: [] })
})

void t.test('address, certificate and route are judged, too', async (t) => {
  const { offline: loaded, directory } = await offline(t)
  const elsewhere = parseAddress('198.51.100.1') as Address
  const by = (file: string) => readCertificate(resolve(directory, file), loaded)
  const cases: [Recorded, { from?: Address; certificate?: ReturnType<typeof by> }, string | undefined][] = [
    [post('/addresses', ''), {}, undefined],
    [post('/addresses', ''), { from: elsewhere }, 'source-not-allowed'],
    [post('/certificate', ''), {}, 'certificate-missing'],
    [post('/certificate', ''), { certificate: by('sender.pem') }, undefined],
    [post('/certificate', ''), { certificate: by('rogue.pem') }, 'certificate-untrusted'],
    [post('/nowhere', ''), {}, 'no-route'],
    [post('/a/../github', ''), {}, 'malformed-request'],
    [{ ...post('/github', ''), method: 'PUT' }, {}, 'method-not-allowed'],
  ]
  for (const [recorded, circumstances, reason] of cases) {
    const explained = await explain(loaded, recorded, { from, certificate: undefined, at, ...circumstances })
    t.equal(explained.reason, reason, `${recorded.target} ${reason ?? 'accepted'}`)
  }
})

void t.test('built-in verifiers say what they looked at, and where it differs; nobody is asked', async (t) => {
  const pki = await makePki()
  const server = await pki.ca.server()
  const verified = {
    netlify: { signature: { preset: 'netlify', secrets: ['env:SECRET'] } },
    twilio: { signature: { preset: 'twilio', secrets: ['env:SECRET'], publicUrl: 'https://hooks.example.com/twilio' } },
    other: { signature: { preset: 'github', secrets: ['env:OLD'] } },
    github: { signature: { preset: 'github', secrets: ['env:SECRET'] } },
    pubsub: { signature: { preset: 'google-pubsub', audience: 'https://hooks.example.com/pubsub', email: 'a@b.example' } },
  }
  const directory = t.testdir({
    'server.pem': server.chain, 'server.key': server.key,
    'sallyport.yaml': JSON.stringify({
      listeners: [{ address: '127.0.0.1:0', tls: { certificate: 'server.pem', key: 'server.key' } }], receivers: { target: { url: 'http://127.0.0.1:1' } },
      routes: Object.entries(verified).map(([name, route]) => ({ name, match: { path: `/${name}` }, forward: { to: 'target' }, ...route })),
    }),
  })
  const loaded = await prepareOffline(resolve(directory, 'sallyport.yaml'), stillWorld({ SECRET: secret, OLD: 'an old secret, just as long as that' }), at)
  const say = async (recorded: Recorded) => {
    const explained = await explain(loaded, recorded, { from, certificate: undefined, at })
    return { ...explained, printed: printExplanation(explained, 'text') }
  }
  const play = (preset: string, body: string): string[] => {
    const sender = compileSender({ preset, parameters: {}, secret: Buffer.from(secret), url: new URL(`https://hooks.example.com/${preset}`) })
    const sent = 'mistake' in sender ? sender : sender({ method: 'POST', headers: [], body: Buffer.from(body), at, id: 'm-1', tamper: undefined })
    if ('mistake' in sent) throw new Error(sent.mistake)
    return [...sent.rawHeaders.slice(6), sent.target]
  }
  const netlify = await say(post('/netlify', '{"a":2}', ...play('netlify', '{"a":1}').slice(0, -1)))
  t.match(netlify, { verdict: 'refused', reason: 'digest-mismatch' })
  t.match(netlify.printed, /differs +claim sha256 is [0-9a-f]{64}, and would be [0-9a-f]{64}/)
  const [name = '', value = '', target = ''] = play('twilio', '{}')
  t.match(await say(post(target, '{}', name, value)), { verdict: 'accepted', printed: /signed +"https:\/\/hooks\.example\.com\/twilio\?bodySHA256=/ })
  t.match((await say(post(target, '{}', name, value.replace(/^./, (one) => (one === 'A' ? 'B' : 'A'))))).printed, new RegExp(`expected +${value.replaceAll(/[+/]/g, '.')}`))
  const hub = ['X-Hub-Signature-256', `sha256=${mac('hi', 'an old secret, just as long as that')}`]
  t.match((await say(post('/github', 'hi', ...hub))).likely, ['it is signed with env:OLD of the route other'])
  const token = `${Buffer.from('{"alg":"RS256"}').toString('base64url')}.${Buffer.from('{"aud":"x"}').toString('base64url')}.AAAA`
  const pubsub = await say(post('/pubsub', '{}', 'Authorization', `Bearer ${token}`))
  t.match(pubsub, { verdict: 'refused', reason: 'undecidable' })
  t.match(pubsub.printed, /differs +claim aud is x, and would be https:\/\/hooks\.example\.com\/pubsub/)
})
