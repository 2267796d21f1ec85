import { readdirSync } from 'node:fs'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { operate, type Operated } from '../support/operated.ts'
import { rawTls } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

/**
 * More than five hundred senders at once that are slow in every way there is, in real time. Good deliveries get through
 * beside them, each of the slow is ended by its deadline, and everything that they held is given back.
 */

const head = 'POST /hook HTTP/1.1\r\nHost: localhost\r\n'
const good = `${head}Content-Length: 2\r\n\r\nhi`
/** Real time, and a slow machine has to be in time for the good ones. */
const limits = { handshakeTimeout: '6s', headersTimeout: '6s', bodyTimeout: '6s', idleTimeout: '6s', body: '1MiB' }
const dripEvery = 300

/** Does what its name says to a port. */
type Slowness = readonly [name: string, start: (port: number) => Socket]

function tcp(port: number): Socket {
  return connectTcp({ host: '127.0.0.1', port })
}

function tls(port: number, secure: (socket: Socket) => void): Socket {
  const socket = connectTls({ host: '127.0.0.1', port, servername: 'localhost', rejectUnauthorized: false })
  return socket.once('secureConnect', () => secure(socket)).resume()
}

/** Writes this, and then a piece at a time for ever. */
function drip(socket: Socket, first: string | Buffer, piece: string | Buffer): void {
  if (first.length > 0) socket.write(first)
  const timer = setInterval(() => { socket.write(piece) }, dripEvery)
  socket.once('close', () => clearInterval(timer))
}

const hello = Buffer.from('1603010200010001fc0303', 'hex')
const slownesses: Slowness[] = [
  ['never says a thing', tcp],
  ['begins a handshake a byte at a time', (port) => { const socket = tcp(port).resume(); drip(socket, hello, Buffer.of(0)); return socket }],
  ['sends empty records', (port) => { const socket = tcp(port).resume(); drip(socket, '', Buffer.from('1603010000', 'hex')); return socket }],
  ['never sends a request', (port) => tls(port, () => undefined)],
  ['sends empty lines for ever', (port) => tls(port, (socket) => drip(socket, '', '\r\n'))],
  ['drips header lines', (port) => tls(port, (socket) => drip(socket, head, 'X: y\r\n'))],
  ['drips a body', (port) => tls(port, (socket) => drip(socket, `${head}Content-Length: 100000\r\n\r\n`, 'x'))],
  ['drips chunks', (port) => tls(port, (socket) => drip(socket, `${head}Transfer-Encoding: chunked\r\n\r\n`, '1\r\nx\r\n'))],
  ['drips an extension', (port) => tls(port, (socket) => drip(socket, `${head}Transfer-Encoding: chunked\r\n\r\n1;`, 'x'))],
  ['drips trailers', (port) => tls(port, (socket) => drip(socket, `${head}Transfer-Encoding: chunked\r\n\r\n0\r\n`, 'X: y\r\n'))],
  ['waits with its body, though it was told to continue', (port) => tls(port, (socket) => socket.write(`${head}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n`))],
  ['keeps a connection that it does not use', (port) => tls(port, (socket) => socket.write(good))],
  ['does not read a large answer', (port) => tls(port, (socket) => { socket.write(good.replace('/hook', '/large')); socket.pause() })],
  ['does not read what it asked for sixteen times', (port) => tls(port, (socket) => { socket.write(good.replace('/hook', '/large').repeat(16)); socket.pause() })],
  ['goes on writing what was refused', (port) => tls(port, (socket) => drip(socket, `${head}Content-Length: 90000000\r\n\r\n`, 'x'.repeat(100)))],
  ['leaves within a head', (port) => tls(port, (socket) => socket.end(head))],
  ['leaves within a body', (port) => tls(port, (socket) => socket.end(`${head}Content-Length: 9\r\n\r\nx`))],
  ['breaks within a head', (port) => tls(port, (socket) => socket.write(head, () => { socket.destroy() }))],
  ['breaks within an answer', (port) => tls(port, (socket) => { socket.write(good.replace('/hook', '/large')); socket.once('data', () => { socket.destroy() }) })],
]

/** Ended by whoever: the socket is closed for good. */
function ended(socket: Socket): Promise<void> {
  return new Promise((done) => { socket.on('error', () => undefined).once('close', () => done()) })
}

const valueIn = (page: string, name: string): number => Number(new RegExp(`^${name} ([0-9.e+]+)$`, 'm').exec(page)?.[1] ?? NaN)

async function metrics({ page }: Operated): Promise<{ readonly open: number; readonly held: number; readonly inFlight: number }> {
  const { text } = await page('/metrics')
  return { open: valueIn(text, 'sallyport_connections_open'), held: valueIn(text, 'sallyport_body_bytes_held'), inFlight: valueIn(text, 'sallyport_deliveries_in_flight') }
}

void t.test('five hundred of them', async (t) => {
  const large = Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 8000000\r\n\r\n'), Buffer.alloc(8_000_000)])
  const receiver = await startReceiver({ script: (socket, { line }) => { socket.write(line.includes('/large') ? large : 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok') } })
  t.teardown(() => receiver.close())
  const gateway = await operate(t, receiver.port, { limits, receivers: { target: { url: `http://127.0.0.1:${receiver.port}`, timeout: '10s' } }, routes: [{ name: 'all', match: { path: '/*' }, open: true, forward: { to: 'target' } }] })
  const handles = (): number => readdirSync(`/proc/${gateway.pid}/fd`).length
  const steady = await gateway.connect()
  t.equal((await steady.send(good).response()).status, 200)
  const before = handles()

  const begin = ([name, start]: Slowness) => {
    const socket = start(gateway.port)
    const state = { name, over: false, done: Promise.resolve() }
    state.done = ended(socket).then(() => { state.over = true })
    return { socket, state }
  }
  const every: ReturnType<typeof begin>[] = []
  let most = 0
  for (let round = 0; round < 27; round++) {
    every.push(...slownesses.map(begin))
    // Where the machine is too slow for the handshakes of a round, the gateway turns some away, as it should.
    while (await delivered(gateway) !== 200) continue
    most = Math.max(most, (await metrics(gateway)).open)
  }
  t.ok(every.length > 500, `${every.length} slow senders`)
  t.ok(most > slownesses.length, `a good delivery gets through beside ${most} of them`)

  // A socket that is not read does not hear of its end: the gateway says how many are open, this one connection besides.
  const until = performance.now() + 90_000
  while ((await metrics(gateway)).open > 1 && performance.now() < until) await delivered(gateway)
  for (const { socket } of every) socket.resume()
  const late = setTimeout(() => { for (const { socket, state } of every) if (!state.over) { t.fail(`still open: it ${state.name}`); socket.destroy() } }, 30_000)
  await Promise.all(every.map(({ state }) => state.done))
  clearTimeout(late)
  steady.close()
  await freed(gateway)
  t.ok(handles() <= before + 2 + receiver.connections, `as many handles as before: ${before}, ${handles()}`)
  const last = await gateway.connect()
  t.equal((await last.send(good).response()).status, 200, 'and it goes on')
  last.close()
})

/** The status of a good delivery; undefined where its connection was lost. */
async function delivered(gateway: Operated): Promise<number | undefined> {
  try {
    const fresh = await rawTls(gateway.port, { rejectUnauthorized: false })
    const { status } = await fresh.send(good).response().finally(() => fresh.close())
    await fresh.ended()
    return status
  } catch {
    return undefined
  }
}

/** Asked until it is so; a leak would keep it from ever being so. */
async function freed(gateway: Operated): Promise<void> {
  for (;;) {
    const { open, held, inFlight } = await metrics(gateway)
    if (open === 0 && held === 0 && inFlight === 0) return
  }
}
