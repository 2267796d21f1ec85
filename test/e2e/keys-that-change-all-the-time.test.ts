import { spawn } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { startGateway } from '../support/gateway.ts'
import { rawTls } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

/**
 * KeyUpdate (RFC 8446 §4.6.3) may come at any time and any number of times; each costs the sender what it costs us. It is no
 * delivery: whoever sends nothing else is ended as one that says nothing.
 */
t.test('200 KeyUpdates that ask for ours, by OpenSSL: others are served meanwhile, and the connection ends at its time', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, {
    receiver: receiver.port, routes: [{ open: true }], files: async ({ ca }) => ({ 'authority.pem': ca.certificate }),
    settings: { limits: { idleTimeout: '60s', headersTimeout: '10s' } },
  })
  const client = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${gateway.port}`, '-servername', 'localhost', '-tls1_3', '-CAfile', join(gateway.directory, 'authority.pem')])
  t.teardown(() => client.kill('SIGKILL'))
  let said = ''
  const wake: (() => void)[] = []
  for (const stream of [client.stdout, client.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text
      for (const one of wake.splice(0)) one()
    })
  }
  const ended = new Promise<void>((done) => { client.once('close', () => done()) })
  const says = async (what: RegExp): Promise<void> => { while (!what.test(said)) await new Promise<void>((done) => wake.push(done)) }
  await says(/Verify return code: 0/)
  for (let nth = 0; nth < 200; nth++) {
    said = ''
    client.stdin.write('K\n')
    await says(/KEYUPDATE/)
  }
  const honest = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate })
  t.equal((await honest.send('POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi').response()).status, 200)
  honest.close()
  gateway.world.clock.advance(61_000)
  await ended
  t.equal(receiver.seen.length, 1, 'nothing of it reached the receiver')
})
