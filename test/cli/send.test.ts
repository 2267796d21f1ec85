import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { run } from '../support/binary.ts'

/** `sallyport send`, as a program: how many go, what a replay is, and that `--print` asks nobody. */

const secret = 'a secret of the tests, long enough'
const from = (url: string, ...more: string[]): string[] => ['send', '--preset', 'github', '--secret', `literal:${secret}`, '--url', url, ...more]

interface Seen { readonly signature: unknown; readonly body: string }

async function receive(t: Test, status = 200): Promise<{ readonly url: string; readonly seen: Seen[] }> {
  const seen: Seen[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
      seen.push({ signature: request.headers['x-hub-signature-256'], body: Buffer.concat(chunks).toString() })
      response.writeHead(status).end('heard')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/in`, seen }
}

const signed = ({ signature, body }: Seen): boolean => signature === `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`

void t.test('--count sends so many, each its own delivery', async (t) => {
  const { url, seen } = await receive(t)
  t.match(await run(from(url, '--count', '3')), { code: 0, stdout: '200 heard\n200 heard\n200 heard\n', stderr: '' })
  t.equal(new Set(seen.map(({ body }) => body)).size, 3)
  t.ok(seen.every(signed))
})

void t.test('--tamper replay sends the same twice, once for each of --count', async (t) => {
  const { url, seen } = await receive(t)
  t.match(await run(from(url, '--tamper', 'replay', '--count', '2')), { code: 0 })
  t.equal(seen.length, 4)
  t.same(seen[0], seen[1])
  t.same(seen[2], seen[3])
  t.not(seen[0]?.body, seen[2]?.body)
  t.ok(seen.every(signed))
})

void t.test('--tamper body and signature send what no longer fits', async (t) => {
  const { url, seen } = await receive(t, 401)
  for (const what of ['body', 'signature']) t.match(await run(from(url, '--tamper', what)), { code: 1, stdout: '401 heard\n' }, what)
  t.equal(seen.length, 2)
  t.notOk(seen.some(signed))
})

void t.test('--print works offline', async (t) => {
  const { stdout, code } = await run(from('https://hooks.invalid/in', '--print', '--count', '2'))
  t.equal(code, 0)
  t.equal(stdout.match(/POST \/in HTTP\/1\.1\r\n/g)?.length, 2)
  t.notMatch(stdout, secret)
})

void t.test('what cannot be sent is told', async (t) => {
  const url = 'https://hooks.invalid/in'
  for (const [more, said] of [
    [['--count', '0'], /--count 0 is no number of deliveries/], [['--count', '1e3'], /--count 1e3 is no number/], [['--tamper', 'all'], /replay/],
    [['--header', 'no colon'], /is no header/], [['--tamper', 'timestamp'], /no timestamp/],
  ] as const) {
    const { code, stderr, stdout } = await run(from(url, ...more, '--print'))
    t.match({ code, stdout }, { code: 1, stdout: '' }, more.join(' '))
    t.match(stderr, said)
    t.notMatch(stderr, /\n\s+at /)
  }
})
