import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Outbound, Receiver, ReceiverPlan, ReceiverReason, ReceiverTls, Sending } from '../../src/core/receiver.ts'
import type { Facts } from '../../src/core/verdict.ts'
import { httpReceiver } from '../../src/forward/receiver.ts'
import { StillClock } from '../support/clock.ts'
import { makeCa } from '../support/pki.ts'
import { freePort } from '../support/ports.ts'
import { answer, answerAndClose, startReceiver, type ReceiverOptions, type Script, type TestReceiver } from '../support/receiver.ts'

const timeout = 10_000

interface Told {
  status: number
  headers: readonly string[]
  body: string
  end: 'end' | ReceiverReason
  facts: Facts
}

const noTls: ReceiverTls = { ca: undefined, certificate: undefined, key: undefined, serverName: undefined }

function outbound(change: Partial<Outbound> = {}): Outbound {
  return { method: 'POST', target: '/hook?q=%20', headers: ['X-A', '1', 'x-a', '\u00fc'], body: Buffer.from('\u0000\u00ffbody', 'latin1'), ...change }
}

function open(t: Test, urls: readonly string[], clock: StillClock, change: Partial<ReceiverPlan> = {}): Receiver {
  const receiver = httpReceiver(
    { name: 'test', urls, timeout, connectTimeout: 2_000, connections: 8, unhealthyAfter: 2, retryAfter: 30_000, tls: noTls, ...change }, clock)
  t.teardown(() => receiver.close())
  return receiver
}

/** Sends, and waits for the one end that the sink is told. `meanwhile` runs once the receiver's part is on its way. */
async function send(receiver: Receiver, out = outbound(), meanwhile?: (sending: Sending) => void): Promise<Told> {
  const told: Told = { status: 0, headers: [], body: '', end: 'end', facts: {} }
  let ends = 0
  await new Promise<void>((resolve) => {
    const sending = receiver.send(out, {
      head(status, headers) {
        if (told.status !== 0) throw new Error('two heads')
        Object.assign(told, { status, headers })
        return 'go-on'
      },
      data(chunk) {
        told.body += Buffer.from(chunk).toString('latin1')
        return 'go-on'
      },
      end() {
        ends++
        resolve()
      },
      failed(end, facts) {
        ends++
        Object.assign(told, { end, facts })
        resolve()
      },
    })
    meanwhile?.(sending)
  })
  await new Promise(setImmediate)
  if (ends !== 1) throw new Error(`${ends} ends`)
  return told
}

async function start(t: Test, options: ReceiverOptions | Script = {}): Promise<TestReceiver> {
  const receiver = await startReceiver(typeof options === 'function' ? { script: options } : options)
  t.teardown(() => receiver.close())
  return receiver
}

t.test('exact bytes, one Content-Length, the receiver\'s own Host', async (t) => {
  const target = await start(t)
  const told = await send(open(t, [target.url], new StillClock()))
  t.match(told, { status: 200, body: 'ok', end: 'end' })
  const [seen] = target.seen
  t.equal(seen?.line, 'POST /hook?q=%20 HTTP/1.1')
  t.strictSame(seen?.headers, ['host', `127.0.0.1:${target.port}`, 'connection', 'keep-alive', 'X-A', '1', 'x-a', '\u00fc', 'content-length', '6'])
  t.strictSame(seen?.body, Buffer.from('\u0000\u00ffbody', 'latin1'))
})

t.test('an empty body says so', async (t) => {
  const target = await start(t)
  await send(open(t, [target.url], new StillClock()), outbound({ body: Buffer.alloc(0) }))
  t.strictSame(target.seen[0]?.headers.slice(-2), ['content-length', '0'])
})

/** A connection is free a whole turn of the event loop after its answer. */
async function free(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
}

t.test('one connection serves one delivery after the other', async (t) => {
  const target = await start(t)
  const receiver = open(t, [target.url], new StillClock())
  for (let nth = 0; nth < 5; nth++) {
    t.equal((await send(receiver)).status, 200)
    await free()
  }
  t.equal(target.connections, 1)
})

const replies: [string, Script, Partial<Told>][] = [
  ['with a length', answer('HTTP/1.1 201 Created\r\nX-A: 1\r\nx-a: \u00fc\r\nContent-Length: 3\r\n\r\nabc'),
    { status: 201, headers: ['X-A', '1', 'x-a', '\u00fc', 'Content-Length', '3'], body: 'abc' }],
  ['in chunks', answer('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\nx: y\r\n\r\n'),
    { status: 200, headers: [], body: 'abc' }],
  ['until the end', answerAndClose('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc'), { status: 200, headers: [], body: 'abc' }],
  ['1.0', answerAndClose('HTTP/1.0 200 OK\r\n\r\nabc'), { status: 200, body: 'abc' }],
  ['encoded bytes stay', answer('HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\u001f\u008b'), { body: '\u001f\u008b' }],
  ['no redirect is followed', answer('HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n'), { status: 302, headers: ['Location', '/other', 'Content-Length', '0'] }],
  ['early hints first', answer('HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'),
    { status: 200, headers: ['Content-Length', '0'] }],
  ['an unasked 100 Continue first', answer('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'), { status: 200, body: 'ok' }],
  ['interim answers mixed, with header lines', answer('HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 \r\nX: y\r\n\r\nHTTP/1.1 199 What\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n'),
    { status: 201 }],
  ['sixteen interim answers', answer(`${'HTTP/1.1 100 Continue\r\n\r\n'.repeat(16)}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`), { status: 200 }],
  ['an interim answer in a body is a body', answer('HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n'), { body: 'HTTP/1.1 100 Continue\r\n\r\n' }],
  ['204 in chunks', answer('HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nextra\r\n0\r\n\r\n'), { status: 204, headers: [], body: '' }],
  ['304 in chunks', answer('HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nextra\r\n0\r\n\r\n'), { status: 304, headers: [], body: '' }],
  ['204 with a body', answer('HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nextra'), { status: 204, body: '' }],
  ['304 with a body', answer('HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nextra'), { status: 304, body: '' }],
  ['prototype names', answer('HTTP/1.1 200 OK\r\n__proto__: x\r\nContent-Length: 0\r\n\r\n'), { headers: ['__proto__', 'x', 'Content-Length', '0'] }],
  ['503', answer('HTTP/1.1 503 No\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n'), { status: 503 }],
]
for (const [name, script, expected] of replies) {
  t.test(`reply: ${name}`, async (t) => {
    const target = await start(t, script)
    const receiver = open(t, [target.url], new StillClock())
    t.match(await send(receiver), { end: 'end', ...expected })
    if (expected.headers !== undefined) target.script = script
    t.match(await send(receiver), { end: 'end', ...expected }, 'and again')
  })
}

const failures: [string, Script, ReceiverReason, Facts][] = [
  ['closed before an answer', (socket) => { socket.end() }, 'receiver-unavailable', { phase: 'head' }],
  ['reset before an answer', (socket) => { socket.resetAndDestroy() }, 'receiver-unavailable', { phase: 'head' }],
  ['head cut', answerAndClose('HTTP/1.1 200 OK\r\nContent-'), 'receiver-unavailable', { phase: 'head' }],
  ['garbage', answer('rubbish\r\n\r\n'), 'receiver-invalid', { phase: 'head' }],
  ['both framings', answer('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'), 'receiver-invalid', { phase: 'head' }],
  ['two lengths', answer('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'), 'receiver-invalid', { phase: 'head' }],
  ['seventeen interim answers', answer(`${'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(17)}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`), 'receiver-invalid', { phase: 'head' }],
  ['seventeen times 100', answer('HTTP/1.1 100 Continue\r\n\r\n'.repeat(17)), 'receiver-invalid', { phase: 'head' }],
  ['an interim answer without end', answer(`HTTP/1.1 100 Continue\r\nX: ${'x'.repeat(70_000)}`), 'receiver-invalid', { phase: 'head' }],
  ['interim answers and no other', answerAndClose('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Con'), 'receiver-unavailable', { phase: 'head' }],
  ['one length, twice', answer('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab'), 'receiver-invalid', { phase: 'head' }],
  ['a length that is none', answer('HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nab'), 'receiver-invalid', { phase: 'head' }],
  ['no head at all, as in 0.9', answerAndClose('<html>hello</html>'), 'receiver-invalid', { phase: 'head' }],
  ['the beginning of HTTP/2', answer('\0\0\u0012\u0004\0\0\0\0\0\0\u0003\0\0\0\u0080'), 'receiver-invalid', { phase: 'head' }],
  ['the preface of HTTP/2', answer('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), 'receiver-invalid', { phase: 'head' }],
  ['HTTP/2 in its line', answer('HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n'), 'receiver-invalid', { phase: 'head' }],
  ['junk behind a chunk', answer('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabJUNK\r\n0\r\n\r\n'), 'receiver-invalid', { phase: 'body' }],
  ['another protocol', answer('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'), 'receiver-invalid', { phase: 'head' }],
  ['head too large', answer(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`), 'receiver-invalid', { phase: 'head' }],
  ['body cut', answerAndClose('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab'), 'receiver-invalid', { phase: 'body' }],
  ['chunks cut', answerAndClose('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n'), 'receiver-invalid', { phase: 'body' }],
  ['bad chunk', answer('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n'), 'receiver-invalid', { phase: 'body' }],
  ['reset in the body', (socket) => { socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab', () => socket.resetAndDestroy()) }, 'receiver-invalid', { phase: 'body' }],
]
for (const [name, script, reason, facts] of failures) {
  t.test(`failure: ${name}`, async (t) => {
    const target = await start(t, script)
    const clock = new StillClock()
    const receiver = open(t, [target.url], clock)
    t.match(await send(receiver), { end: reason, facts })
    t.equal(target.seen.length, 1, 'sent once')
    t.equal(clock.pending, 0, 'no timer is left behind')
    target.script = answer('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    t.match(await send(receiver), { status: 200, end: 'end' }, 'the next one gets through')
  })
}

t.test('an interim answer may come in any pieces', async (t) => {
  const whole = 'HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
  const target = await start(t)
  const receiver = open(t, [target.url], new StillClock())
  for (const size of [1, 2, 3, 7, 21, 30]) {
    target.script = (socket) => {
      let at = 0
      const next = (): void => {
        socket.write(whole.slice(at, at += size))
        if (at < whole.length) setImmediate(next)
      }
      next()
    }
    t.match(await send(receiver), { status: 200, body: 'ok', end: 'end' }, `${size} bytes at a time`)
    await free()
  }
  t.equal(target.connections, 1)
})

t.test('what comes behind an answer without body is nobody\'s answer', async (t) => {
  for (const framing of ['Content-Length: 64', 'Transfer-Encoding: chunked']) {
    let late = (): void => undefined
    const target = await start(t, (socket) => {
      socket.write(`HTTP/1.1 204 No Content\r\n${framing}\r\n\r\n`)
      late = () => { if (!socket.destroyed) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n') }
    })
    const receiver = open(t, [target.url], new StillClock())
    t.match(await send(receiver), { status: 204, end: 'end' })
    target.script = answer('HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n')
    const next = send(receiver)
    late()
    t.match(await next, { status: 418, end: 'end' }, framing)
    t.strictSame(target.seen.map(({ connection }) => connection === 1), [true, false])
  }
})

t.test('nobody listens', async (t) => {
  t.match(await send(open(t, [`http://127.0.0.1:${await freePort()}`], new StillClock())),
    { end: 'receiver-unavailable', facts: { phase: 'connect', error: 'ECONNREFUSED' } })
  t.match(await send(open(t, ['unix:/nonexistent/app.sock'], new StillClock())), { end: 'receiver-unavailable', facts: { error: 'ENOENT' } })
})

t.test('time is up', async (t) => {
  for (const [phase, text] of [['head', ''], ['head', 'HTTP/1.1 200 OK\r\nConte'], ['body', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab']] as const) {
    const clock = new StillClock()
    const target = await start(t, (socket) => { socket.write(text) })
    const receiver = open(t, [target.url], clock)
    let headCame = (): void => undefined
    const began = new Promise<void>((resolve) => { headCame = resolve })
    const ended = new Promise<Told>((resolve) => {
      receiver.send(outbound(), {
        head: () => { headCame(); return 'go-on' }, data: () => 'go-on', end: () => t.fail('no end'),
        failed: (end, facts) => resolve({ end, facts, status: 0, headers: [], body: '' }),
      })
    })
    await (phase === 'body' ? began : target.sawAtLeast(1))
    clock.advance(timeout - 1)
    t.equal(clock.pending, 1)
    clock.advance(1)
    t.match(await ended, { end: 'receiver-timeout', facts: { phase } })
  }
})

t.test('time is up while waiting for a connection: nothing is written any more', async (t) => {
  const clock = new StillClock()
  const target = await start(t, () => undefined)
  const receiver = open(t, [target.url], clock, { connections: 1 })
  const first = send(receiver)
  await target.sawAtLeast(1)
  clock.advance(1)
  const second = send(receiver)
  clock.advance(timeout - 1)
  t.match(await first, { end: 'receiver-timeout', facts: { phase: 'head' } })
  clock.advance(1)
  t.match(await second, { end: 'receiver-timeout', facts: { phase: 'connect' } })
  target.script = answer('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  t.match(await send(receiver, outbound({ target: '/third' })), { status: 200 })
  t.strictSame(target.seen.map(({ line }) => line.split(' ')[1]), ['/hook?q=%20', '/third'])
})

t.test('the sender is gone: nobody is told', async (t) => {
  const clock = new StillClock()
  const target = await start(t, (socket) => { socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab') })
  const receiver = open(t, [target.url], clock)
  const tell = () => t.fail('told')
  await new Promise<void>((resolve) => {
    const sending = receiver.send(outbound(), {
      head: () => { sending.abort(); sending.abort(); resolve(); return 'go-on' }, data: () => { tell(); return 'go-on' }, end: tell, failed: tell,
    })
  })
  clock.advance(timeout)
  t.equal(clock.pending, 0)
  target.script = answer('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  t.match(await send(receiver), { status: 200 })
})

t.test('a sender that is slow to take the end of a reply holds nobody up who comes after it', async (t) => {
  const target = await start(t)
  const receiver = open(t, [target.url], new StillClock())
  await new Promise<void>((resolve, reject) => {
    receiver.send(outbound(), { head: () => 'go-on', data: () => 'wait', end: resolve, failed: (reason) => reject(new Error(reason)) })
  })
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
  t.match(await send(receiver), { status: 200, end: 'end' })
  t.same(target.seen.map(({ connection }) => connection), [1, 1])
})

t.test('back-pressure: a large reply waits for the sender', async (t) => {
  const size = 8 * 1024 * 1024
  const target = await start(t, (socket) => { socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`); socket.write(Buffer.alloc(size, 97)) })
  const receiver = open(t, [target.url], new StillClock())
  let came = 0
  let waited = 0
  await new Promise<void>((resolve, reject) => {
    let held = false
    const wait = (): 'wait' => {
      held = true
      waited++
      setImmediate(() => { held = false; sending.resume() })
      return 'wait'
    }
    const sending = receiver.send(outbound(), {
      head: wait, end: resolve, failed: (reason) => reject(new Error(reason)),
      data(chunk) {
        if (held) reject(new Error('data came while it should wait'))
        came += chunk.length
        return wait()
      },
    })
  })
  t.equal(came, size)
  t.ok(waited > 2)
})

t.test('an answer before the request was read to its end', async (t) => {
  const target = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.end('HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'))
  })
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve))
  t.teardown(() => target.close())
  const receiver = open(t, [`http://127.0.0.1:${(target.address() as AddressInfo).port}`], new StillClock())
  t.match(await send(receiver, outbound({ body: Buffer.alloc(64 * 1024) })), { status: 413, end: 'end' })
})

t.test('a connection that the receiver closed between two deliveries', async (t) => {
  const target = await start(t, answerAndClose('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'))
  const receiver = open(t, [target.url], new StillClock())
  for (let nth = 1; nth <= 10; nth++) {
    t.match(await send(receiver), { status: 200 })
    t.equal(target.seen.length, nth, 'each sent once')
  }
})

t.test('several URLs: the next one where nothing was written, never where something was', async (t) => {
  const dead = `http://127.0.0.1:${await freePort()}`
  const alive = await start(t)
  t.match(await send(open(t, [dead, alive.url], new StillClock())), { status: 200 })
  const breaks = await start(t, (socket) => { socket.resetAndDestroy() })
  const other = await start(t)
  t.match(await send(open(t, [breaks.url, other.url], new StillClock())), { end: 'receiver-unavailable', facts: { phase: 'head' } })
  t.equal(other.seen.length, 0)
  t.match(await send(open(t, [dead, dead], new StillClock())), { end: 'receiver-unavailable', facts: { phase: 'connect' } })
})

t.test('passive health: left alone after failures in a row, asked again after a while', async (t) => {
  const clock = new StillClock()
  const [bad, good] = [await start(t, (socket) => { socket.resetAndDestroy() }), await start(t)]
  const receiver = open(t, [bad.url, good.url], clock)
  const ends: string[] = []
  for (let nth = 0; nth < 8; nth++) ends.push((await send(receiver)).end)
  t.strictSame(ends.filter((end) => end !== 'end').length, 2, 'two failures, then it rests')
  t.equal(bad.seen.length, 2)
  clock.advance(30_000)
  bad.script = answer('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  for (let nth = 0; nth < 4; nth++) t.equal((await send(receiver)).end, 'end')
  t.equal(bad.seen.length, 4, 'takes its turns again')
})

t.test('all of them rest: they are asked all the same', async (t) => {
  const target = await start(t, (socket) => { socket.resetAndDestroy() })
  const receiver = open(t, [target.url, target.url], new StillClock())
  for (let nth = 0; nth < 8; nth++) t.equal((await send(receiver)).end, 'receiver-unavailable')
  t.equal(target.seen.length, 8)
})

t.test('TLS to the receiver, with a certificate of ours', async (t) => {
  const ca = await makeCa()
  const [server, client, stranger] = [await ca.server(['app.internal']), await ca.client(), await (await makeCa()).client()]
  const target = await start(t, { tls: { cert: server.chain, key: server.key, ca: ca.certificate, requestCert: true, rejectUnauthorized: true } })
  const tls = { ca: [ca.certificate], certificate: client.chain, key: client.key, serverName: 'app.internal' }
  t.match(await send(open(t, [target.url], new StillClock(), { tls })), { status: 200, end: 'end' })
  const untrusted: [string, ReceiverTls][] = [
    ['another name', { ...tls, serverName: 'other.internal' }],
    ['another authority', { ...tls, ca: undefined }],
    ['no certificate', { ...tls, certificate: undefined, key: undefined }],
    ['a stranger\'s certificate', { ...tls, certificate: stranger.chain, key: stranger.key }],
  ]
  for (const [name, other] of untrusted) {
    t.match(await send(open(t, [target.url], new StillClock(), { tls: other })), { end: 'receiver-unavailable' }, name)
  }
  t.equal(target.seen.length, 1)
})

t.test('a Unix socket', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const target = await start(t, { socketPath: join(folder, 'app.sock') })
  t.match(await send(open(t, [target.url], new StillClock())), { status: 200, end: 'end' })
  t.strictSame(target.seen[0]?.headers.slice(0, 2), ['host', 'localhost'])
})
