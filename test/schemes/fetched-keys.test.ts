import { once } from 'node:events'
import { createServer as createPlainServer, type RequestListener } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import type { Get } from '../../src/core/ports.ts'
import { allowedUrl, createKeyFetcher, fetchLimits, httpsGet, isPublicAddress, KeyUnavailable, type HttpsOptions } from '../../src/schemes/fetched-keys.ts'
import { StillClock } from '../support/clock.ts'
import { makeCa } from '../support/pki.ts'

const allowed = ['keys.example.com', 'sns.*.amazonaws.com']

t.test('which URLs may be asked', async (t) => {
  const yes = ['https://keys.example.com/a.pem', 'https://KEYS.example.com/', 'https://sns.us-east-1.amazonaws.com/x.pem']
  const no = [
    'http://keys.example.com/', 'https://keys.example.com:8443/', 'https://keys.example.com.evil.example/', 'https://evil.example/keys.example.com',
    'https://keys.example.com@evil.example/', 'https://user@keys.example.com/', 'https://sns.a.b.amazonaws.com/', 'https://sns..amazonaws.com/',
    'https://sns.evil.example#.amazonaws.com/', 'https://keys.example.com\\@evil.example/', 'https://127.0.0.1/', 'https://keys.example.com/\n', '', 'file:///etc/passwd',
    `https://keys.example.com/${'a'.repeat(1000)}`, 'https://snsXus-east-1.amazonaws.com/', 'https://keys.example.com/#a',
  ]
  for (const url of yes) t.ok(allowedUrl(url, allowed), url)
  for (const url of no) t.notOk(allowedUrl(url, allowed), url)
  const plain = ['http://crt.*.example.com']
  t.ok(allowedUrl('http://crt.a.example.com/a.cer', plain), 'without TLS where it says so')
  for (const url of ['https://crt.a.example.com/', 'http://crt.a.example.com:81/', 'http://crt.example.com/', 'http://evil.example/']) t.notOk(allowedUrl(url, plain), url)
})

t.test('which addresses may be asked', async (t) => {
  for (const address of ['93.184.216.34', '2606:2800:220:1:248:1893:25c8:1946']) t.ok(isPublicAddress(address), address)
  const no = [
    '127.0.0.1', '10.0.0.1', '172.16.0.1', '192.168.0.1', '169.254.169.254', '100.64.0.1', '0.0.0.0', '224.0.0.1', '255.255.255.255', '192.0.2.1',
    '::1', '::', 'fe80::1', 'fc00::1', '::ffff:127.0.0.1', '::ffff:169.254.169.254', '64:ff9b::7f00:1', '2002:7f00:1::', 'ff02::1', '2001:db8::1', 'junk',
    '::7f00:1', '::127.0.0.1', '::a00:1', '::ffff:7f00:1', '::ffff:0:127.0.0.1', '64:ff9b:1::a00:1', '2001:0:7f00:1::', 'fec0::1', '100::1', '4000::1', '127.1', '2130706433', '0x7f.1',
    'fe80::1%eth0', '198.18.0.1', '192.0.0.1', '192.88.99.1', '240.0.0.1',
  ]
  for (const address of no) t.notOk(isPublicAddress(address), address)
})

t.test('what was fetched is remembered, and failures too, for a while', async (t) => {
  const clock = new StillClock()
  let asked = 0
  let fails = false
  const get: Get = () => {
    asked += 1
    return fails ? Promise.reject(new KeyUnavailable('down')) : Promise.resolve(Buffer.from(String(asked)))
  }
  const fetcher = createKeyFetcher(clock, get, { ...fetchLimits, entries: 2 })
  const say = async (path: string) => (await fetcher.fetch(`https://keys.example.com/${path}`, allowed)).toString()
  t.same(await Promise.all([say('a'), say('a')]), ['1', '1'], 'two at once ask once')
  clock.advance(fetchLimits.fresh - 1)
  t.equal(await say('a'), '1')
  clock.advance(1)
  t.equal(await say('a'), '2', 'no longer fresh')
  fails = true
  await t.rejects(say('b'), KeyUnavailable)
  await t.rejects(say('b'), KeyUnavailable)
  t.equal(asked, 3, 'a failure is not asked again at once')
  fails = false
  clock.advance(fetchLimits.failed)
  t.equal(await say('b'), '4')
  await say('c')
  t.equal(await say('a'), '6', 'only so many are remembered')
  await t.rejects(fetcher.fetch('https://evil.example/', allowed), KeyUnavailable)
  t.equal(asked, 6, 'what is not allowed is not asked')
})

t.test('URLs that do not exist drive out no key', async (t) => {
  let asked = 0
  const get: Get = ({ pathname }) => {
    asked += 1
    return pathname === '/good' ? Promise.resolve(Buffer.from('key')) : Promise.reject(new KeyUnavailable('404'))
  }
  const fetcher = createKeyFetcher(new StillClock(), get, { ...fetchLimits, entries: 3 })
  const ask = (path: string) => fetcher.fetch(`https://keys.example.com/${path}`, allowed)
  await ask('good')
  for (let nth = 0; nth < 10; nth += 1) await t.rejects(ask(`bad-${nth}`), KeyUnavailable)
  await ask('good')
  t.equal(asked, 11)
})

t.test('without TLS, for what proves itself', async (t) => {
  const server = createPlainServer((_, response) => response.end('a certificate'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const lookup = ((_host: string, _options: unknown, found: (error: null, all: unknown) => void) => found(null, [{ address: '127.0.0.1', family: 4 }])) as never
  const options = { plainPort: (server.address() as AddressInfo).port, lookup }
  const ask = (more: HttpsOptions) => httpsGet({ ...options, ...more })(new URL('http://crt.example.com/a.cer'), fetchLimits, new StillClock())
  t.equal((await ask({ isPublic: () => true })).toString(), 'a certificate')
  await t.rejects(ask({}), { name: 'KeyUnavailable' }, 'public addresses only')
})

async function serve(t: Test, listener: RequestListener): Promise<HttpsOptions> {
  const ca = await makeCa()
  const { chain, key } = await ca.server(['keys.example.com'])
  const server = createServer({ cert: chain, key }, listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const lookup = ((_host: string, _options: unknown, found: (error: null, all: unknown) => void) => found(null, [{ address: '127.0.0.1', family: 4 }])) as never
  return { ca: ca.certificate, port: (server.address() as AddressInfo).port, lookup, isPublic: () => true }
}

t.test('over real TLS', async (t) => {
  const seen: string[] = []
  const options = await serve(t, (request, response) => {
    seen.push(request.url ?? '')
    if (request.url === '/redirect') return void response.writeHead(302, { Location: 'https://keys.example.com/key' }).end()
    if (request.url === '/large') return void response.end(Buffer.alloc(fetchLimits.size + 1))
    if (request.url === '/just') return void response.end(Buffer.alloc(fetchLimits.size))
    if (request.url === '/broken') return void response.writeHead(200, { 'Content-Length': '10' }).write('abc', () => request.socket.destroy())
    if (request.url === '/slow') return
    response.end('a key')
  })
  const clock = new StillClock()
  const ask = async (path: string, given: HttpsOptions = options) => (await httpsGet(given)(new URL(`https://keys.example.com${path}`), fetchLimits, clock)).toString()
  t.equal(await ask('/key'), 'a key')
  t.equal((await ask('/just')).length, fetchLimits.size, 'as large as the cap')
  await t.rejects(ask('/large'), { name: 'KeyUnavailable', message: /larger/ })
  await t.rejects(ask('/redirect'), { name: 'KeyUnavailable', message: /302/ })
  await t.rejects(ask('/broken'), { name: 'KeyUnavailable' })
  const slow = ask('/slow')
  while (!seen.includes('/slow')) await new Promise(setImmediate)
  clock.advance(fetchLimits.time)
  await t.rejects(slow, { name: 'KeyUnavailable', message: /in time/ })
  seen.length = 0
  const { isPublic: _, ...guarded } = options
  await t.rejects(ask('/key', guarded), { name: 'KeyUnavailable', cause: { message: /not public/ } }, 'a name that leads to this machine')
  const { ca: __, ...stranger } = options
  await t.rejects(ask('/key', stranger), { name: 'KeyUnavailable' }, 'a certificate that nobody trusts')
  t.same(seen, [], 'neither was asked')
})
