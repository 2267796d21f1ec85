import { createHmac } from 'node:crypto'
import { createSocket } from 'node:dgram'
import dns from 'node:dns'
import { once } from 'node:events'
import { syncBuiltinESMExports } from 'node:module'
import t, { type Test } from 'tap'
import { secretText, startGateway, type TestGateway } from '../support/gateway.ts'
import { rawTls } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

/** Receivers that are named by host, and a name server on loopback that takes every question and answers none. */

const name = 'silent.test'

/**
 * The system asks no other name server without root, so Node's function that asks the system is one here that asks ours about
 * this one name, over a real socket, and is left alone about all others.
 */
async function hangingResolver(t: Test) {
  const server = createSocket('udp4').bind(0, '127.0.0.1')
  await once(server, 'listening')
  const resolver = new dns.promises.Resolver({ timeout: 60_000, tries: 1 })
  resolver.setServers([`127.0.0.1:${server.address().port}`])
  const { lookup } = dns
  const told = { asked: 0, hangs: true }
  const ask = ((host: string, options: dns.LookupAllOptions, found: (error: Error | null, addresses: dns.LookupAddress[]) => void): void => {
    if (host !== name) return lookup(host, options, found)
    told.asked++
    if (!told.hangs) return setImmediate(found, null, [{ address: '127.0.0.1', family: 4 }]) as unknown as void
    resolver.resolve4(host).then(() => undefined, (error: Error) => found(error, []))
  }) as typeof dns.lookup
  const become = (one: typeof dns.lookup): void => {
    dns.lookup = one
    syncBuiltinESMExports()
  }
  become(Object.assign(ask, lookup))
  t.teardown(() => {
    become(lookup)
    resolver.cancel()
    server.close()
  })
  return {
    told, question: () => once(server, 'message'),
    /** Whoever was not answered yet hears that there is no answer; from now on there is one. */
    mend: () => { told.hangs = false; resolver.cancel() },
    hang: () => { told.hangs = true },
  }
}

function signed(path: string, body: string): string {
  const signature = createHmac('sha256', secretText).update(body).digest('hex')
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\nX-Hub-Signature-256: sha256=${signature}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

async function send(t: Test, { port, pki }: TestGateway, bytes: string): Promise<number> {
  const client = await rawTls(port, { ca: pki.ca.certificate })
  t.teardown(() => client.close())
  return (await client.send(bytes).response()).status
}

/** What is told after some time, however many turns its bytes take: each delivery has the whole of its own. */
async function passing<T>({ world }: TestGateway, told: Promise<T>): Promise<T> {
  let isTold = false
  const end = told.finally(() => { isTold = true })
  for (; !isTold; await new Promise(setImmediate)) world.clock.advance(10)
  return await end
}

for (const body of ['buffer', 'stream'] as const) {
  t.test(`body: ${body}: the connection has its time, other receivers go on, and the retry passes`, async (t) => {
    const resolver = await hangingResolver(t)
    const receiver = await startReceiver({ script: (socket) => { socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n') } })
    t.teardown(() => receiver.close())
    const policy = body === 'buffer' ? { signature: { preset: 'github', secrets: ['env:SECRET'] }, replay: { onReplay: 'refuse' } } : { open: true, body }
    const gateway = await startGateway(t, {
      receiver: 1, routes: ['silent', 'local'].map((to) => ({ match: { path: `/${to}` }, forward: { to }, ...policy })),
      settings: { receivers: {
        silent: { url: `http://${name}:${receiver.port}`, timeout: '10s', connectTimeout: '2s' },
        local: { url: `http://localhost:${receiver.port}`, timeout: '10s', connectTimeout: '2s' },
      } },
    })
    const question = resolver.question()
    const waiting = Array.from({ length: 5 }, (_, nth) => send(t, gateway, signed('/silent', `silent ${nth}`)))
    await question
    const others = await Promise.all(Array.from({ length: 20 }, (_, nth) => send(t, gateway, signed('/local', `local ${nth}`))))
    t.same(new Set(others), new Set([200]))
    t.same(await passing(gateway, Promise.all(waiting)), [504, 504, 504, 504, 504])
    t.equal(resolver.told.asked, 1, 'one question for all of them: each would hold a thread')
    const records = (await gateway.audit(25)).filter(({ verdict }) => verdict === 'refused')
    t.equal(records.length, 5)
    for (const record of records) t.match(record, { reason: 'receiver-timeout', facts: { error: 'connect-timeout' }, ...(body === 'buffer' && { nonce: 'released' }) })
    t.equal(receiver.seen.length, 20, 'the receiver saw none of them')

    resolver.mend()
    t.equal(await send(t, gateway, signed('/silent', 'silent 0')), 200, 'the same delivery again')
    if (body === 'buffer') t.equal(await send(t, gateway, signed('/silent', 'silent 0')), 409)

    resolver.hang()
    const asked = resolver.question()
    const next = send(t, gateway, signed('/silent', 'silent 1'))
    await asked
    t.equal(await passing(gateway, next), 200, 'where the receiver was a moment ago is known')
    t.equal(await send(t, gateway, signed('/silent', 'silent 2')), 200, 'and nobody waits for that any more')
  })
}
