import { fork, type ChildProcess } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { unhurried } from '../support/operated.ts'
import { makePki } from '../support/pki.ts'
import { rawTls, valueOf } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

/** The gateway is killed -9 the moment its sender has the 2xx; what was accepted is on record, and a replay for the next process. */
const secret = 'a secret of the tests, long enough'
const receiver = await startReceiver()
t.teardown(() => receiver.close())
const { ca } = await makePki()
const server = await ca.server()
const directory = t.testdir({ 'server.pem': server.chain, 'server.key': server.key })
const file = join(directory, 'sallyport.yaml')
writeFileSync(file, JSON.stringify({
  listeners: [{ address: '127.0.0.1:0', tls: { certificate: 'server.pem', key: 'server.key' } }],
  receivers: { target: { url: receiver.url } }, limits: unhurried,
  replay: { store: 'file:nonces' },
  log: { level: 'error', audit: 'file:audit.log' },
  routes: [{
    name: 'hook', match: { path: '/hook' }, forward: { to: 'target' }, replay: {},
    signature: { preset: 'github', secrets: [`literal:${secret}`] },
  }],
}))

async function start(): Promise<{ child: ChildProcess; port: number }> {
  const child = fork(join(import.meta.dirname, 'gateway-process.ts'), [file], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  t.teardown(() => child.kill('SIGKILL'))
  return { child, port: Number((await once(child, 'message'))[0]) }
}

async function post(port: number, body: string, delivery: string): Promise<{ status: number; id: string | undefined }> {
  const client = await rawTls(port, { ca: ca.certificate, servername: 'localhost' })
  const signature = createHmac('sha256', secret).update(body).digest('hex')
  client.send(`POST /hook HTTP/1.1\r\nHost: localhost\r\nX-Hub-Signature-256: sha256=${signature}\r\nX-GitHub-Delivery: ${delivery}\r\n`
    + `Content-Length: ${body.length}\r\n\r\n${body}`)
  const { status, headers } = await client.response()
  void client.close()
  return { status, id: valueOf(headers, 'sallyport-delivery') }
}

function recorded(): { id: string; status: number }[] {
  return readFileSync(join(directory, 'audit.log'), 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line))
}

void t.test('what was accepted before a kill -9 is a replay after it', async (t) => {
  for (let round = 0; round < 2; round++) {
    const { child, port } = await start()
    for (let earlier = 0; earlier < round; earlier++) t.equal((await post(port, `round ${earlier}`, 'as before')).status, 409, `round ${earlier} is known`)
    const { status, id } = await post(port, `round ${round}`, 'first')
    child.kill('SIGKILL')
    await once(child, 'exit')
    t.equal(status, 200)
    t.match(recorded().filter((record) => record.id === id), [{ status: 200 }], 'on record before its sender knew')
    const next = await start()
    t.equal((await post(next.port, `round ${round}`, 'changed by an attacker')).status, 409, 'a replay, whatever its unsigned headers say')
    t.equal(receiver.seen.length, round + 1, 'the receiver saw it once')
    next.child.kill('SIGKILL')
    await once(next.child, 'exit')
  }
})
