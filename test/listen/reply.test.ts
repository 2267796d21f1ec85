import type { TLSSocket } from 'node:tls'
import t from 'tap'
import { Reply, type Asked } from '../../src/listen/reply.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function reply(asked: Partial<Asked> = {}, mayPersist = true) {
  const written: string[] = []
  let over = 0
  const socket = {
    destroyed: false, cork: () => undefined, uncork: () => undefined, destroy: () => { socket.destroyed = true },
    write: (chunk: string | Uint8Array) => { written.push(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('latin1')); return true },
  }
  const made = new Reply({
    socket: socket as unknown as TLSSocket, asked: { method: 'POST', version: '1.1', ...asked }, mayPersist: () => mayPersist, idleTimeout: 5_000,
    date: () => 'now', over: () => { over++ },
  })
  return { reply: made, socket, written, over: () => over, text: () => written.join('') }
}

const rows: [name: string, status: number, headers: string[], asked: Partial<Asked>, expected: string][] = [
  ['a length', 200, ['Content-Length', '2'], {}, 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: now\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\nok'],
  ['no length', 200, [], {}, 'HTTP/1.1 200 OK\r\nDate: now\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n2\r\nok\r\n0\r\n\r\n'],
  ['no length in 1.0', 200, [], { version: '1.0' }, 'HTTP/1.1 200 OK\r\nDate: now\r\nConnection: close\r\n\r\nok'],
  ['a date of its own', 201, ['date', 'then', 'Content-Length', '2'], {}, 'HTTP/1.1 201 Created\r\ndate: then\r\nContent-Length: 2\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\nok'],
  ['to HEAD', 200, ['Content-Length', '2'], { method: 'HEAD' }, 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: now\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n'],
  ['204', 204, [], {}, 'HTTP/1.1 204 No Content\r\nDate: now\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n'],
  ['304', 304, ['Content-Length', '2'], {}, 'HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\nDate: now\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n'],
  ['a status without a name', 299, ['Content-Length', '2'], {}, 'HTTP/1.1 299 \r\nContent-Length: 2\r\nDate: now\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\nok'],
]
for (const [name, status, headers, asked, expected] of rows) {
  t.test(name, async (t) => {
    const { reply: one, text, over } = reply(asked)
    one.writeHead(status, headers)
    t.equal(text(), '', 'the head leaves with what follows')
    one.end(Buffer.from('ok'))
    await turn()
    t.equal(text(), expected)
    t.equal(over(), 1)
    one.end()
    t.equal(over(), 1, 'over once')
  })
}

t.test('a short answer is one write', async (t) => {
  const { reply: one, written } = reply()
  one.writeHead(200, ['Content-Length', '2'])
  one.end(Buffer.from('ok'))
  t.equal(written.length, 0, 'with those of other senders, at the end of the turn')
  await turn()
  t.equal(written.length, 1)
})

t.test('a sender that goes before its short answer has left: over once, nothing is written', async (t) => {
  const { reply: one, written, over } = reply()
  one.writeHead(200, ['Content-Length', '2'])
  one.end(Buffer.from('ok'))
  one.abort()
  await turn()
  t.equal(written.length, 0)
  t.equal(over(), 1)
})

t.test('in pieces', async (t) => {
  const { reply: one, text } = reply({}, false)
  one.writeHead(200, [])
  one.write(Buffer.from('ab'))
  one.write(Buffer.alloc(0))
  one.write(Buffer.from('c'))
  one.end()
  t.match(text(), /Connection: close\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n$/)
})

t.test('a header line that cannot be written', async (t) => {
  for (const line of [['A', 'b\r\nX: y'], ['A\r\nB', 'c'], ['A B', 'c'], ['', 'c'], ['A', '\u2028']] as const) {
    const { reply: one, text } = reply()
    t.throws(() => one.writeHead(200, line), /no header line/)
    t.equal(text(), '')
  }
})

t.test('one head', async (t) => {
  const { reply: one } = reply()
  one.writeHead(200, [])
  t.throws(() => one.writeHead(200, []))
})

t.test('a sender that is gone: nothing is written, nothing throws, and it is over once', async (t) => {
  const { reply: one, socket, text, over } = reply()
  let told = 0
  one.whenOver(() => { told++ })
  socket.destroyed = true
  t.ok(one.isGone)
  one.writeHead(200, [])
  t.ok(one.write(Buffer.from('x')))
  one.abort()
  one.end()
  t.equal(text(), '')
  t.equal(over(), 1)
  t.equal(told, 1)
  one.whenOver(() => { told++ })
  t.equal(told, 2, 'at once')
})

t.test('who waits for the sender is woken by its going, too', async (t) => {
  const { reply: one } = reply()
  let woken = 0
  one.onDrain(() => { woken++ })
  one.drained()
  one.drained()
  t.equal(woken, 1)
  one.onDrain(() => { woken++ })
  one.abort()
  t.equal(woken, 2)
})
