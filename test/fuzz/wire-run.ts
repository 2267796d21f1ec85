import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { startGateway, type Test, type TestGateway } from '../support/gateway.ts'
import { rawTls } from '../support/raw.ts'
import { startRecording, type RecordingReceiver } from './recording-receiver.ts'
import { readStrictly, valuesOf, type Found, type Reading } from './strict-reader.ts'

/** A gateway whose every path leads to a recording receiver, to be written to byte by byte. */
export interface Stage {
  readonly gateway: TestGateway
  readonly receiver: RecordingReceiver
  /** An honest delivery there and back: whatever was written before it has been read by then. */
  readonly roundTrip: () => Promise<void>
}

export async function setStage(t: Test): Promise<Stage> {
  const receiver = await startRecording()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, {
    receiver: receiver.port, routes: [{ match: { path: '/*', methods: ['POST', 'GET', 'PUT', 'HEAD', 'OPTIONS', 'DELETE'] }, open: true }],
    settings: { limits: { connectionsPerAddress: 100_000, connections: 100_000, headersTimeout: '60s', handshakeTimeout: '60s' } },
  })
  const honest = await rawTls(gateway.port, { rejectUnauthorized: false })
  t.teardown(() => honest.close())
  const roundTrip = async (): Promise<void> => {
    const { status } = await honest.send('POST /honest HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n').response()
    if (status !== 200) throw new Error(`an honest delivery was answered with ${status}`)
  }
  return { gateway, receiver, roundTrip }
}

/** What came of some bytes on one connection. */
export interface Outcome { readonly bytes: Buffer; readonly reading: Reading; readonly seen: readonly Found[]; readonly answers: readonly number[]; readonly rest: string; readonly ended: boolean }

let senders = 0

/** Every connection has an address of its own: whatever its bytes became, the receiver is told whose they were. */
function nextAddress(): string {
  senders++
  return `127.${1 + ((senders >> 16) & 0x7f)}.${(senders >> 8) & 0xff}.${senders & 0xff}`
}

/** Writes each of these on a connection of its own, in pieces cut at `cuts`, ends it, and gathers what came of it. */
export async function runOnWire(stage: Stage, payloads: readonly { readonly bytes: Buffer; readonly cuts?: readonly number[] }[]): Promise<Outcome[]> {
  const { gateway, receiver } = stage
  receiver.seen.length = 0
  const runs = await Promise.all(payloads.map(async ({ bytes, cuts = [] }) => ({ bytes, cuts, ...await open(gateway) })))
  await Promise.all(runs.map(async ({ socket, bytes, cuts }) => {
    let from = 0
    for (const cut of [...cuts, bytes.length]) {
      socket.write(bytes.subarray(from, cut))
      from = cut
      if (cut < bytes.length) await turns(3)
    }
  }))
  await quiet(stage, runs)
  for (const { socket } of runs) socket.end()
  const ended = await Promise.all(runs.map(({ closed }) => within(closed)))
  await quiet(stage, runs)
  return runs.map(({ bytes, from, came }, at) => ({
    bytes, reading: readStrictly(bytes), ended: ended[at] === true, ...answersIn(came()),
    seen: seenOf(receiver, from),
  }))
}

async function open({ port }: TestGateway) {
  const from = nextAddress()
  const socket = connectTls({ socket: connectTcp({ host: '127.0.0.1', port, localAddress: from }), servername: 'localhost', rejectUnauthorized: false })
  socket.on('error', () => undefined)
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  const closed = new Promise<void>((done) => { socket.once('close', () => done()) })
  await once(socket, 'secureConnect')
  return { socket, from, closed, came: () => Buffer.concat(chunks) }
}

/** False where the gateway has not ended the connection long after the sender has. */
async function within(closed: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((done) => { timer = setTimeout(() => done(false), 60_000) })
  const ended = await Promise.race([closed.then(() => true), late])
  clearTimeout(timer)
  return ended
}

interface Run extends Awaited<ReturnType<typeof open>> { readonly bytes: Buffer }

/** Until nothing more comes of what was written: nothing is under way, and honest deliveries change nothing. */
async function quiet(stage: Stage, runs: readonly Run[]): Promise<void> {
  const deadline = performance.now() + 30_000
  let last = ''
  for (let still = 0; still < 3 && performance.now() < deadline;) {
    await stage.roundTrip()
    const now = `${stage.receiver.seen.length} ${runs.reduce((sum, { came }) => sum + came().length, 0)}`
    still = now === `${last}` && runs.every(isAnswered) ? still + 1 : 0
    last = `${stage.receiver.seen.length + 1} ${now.split(' ')[1]}`
  }
}

/** Is each request answered that a strict reader finds? What is refused for good ends the connection. */
function isAnswered({ bytes, socket, came }: Run): boolean {
  return socket.destroyed || answersIn(came()).answers.length >= readStrictly(bytes).found.length
}

function seenOf({ seen }: RecordingReceiver, from: string): Found[] {
  return seen.filter(({ headers }) => valuesOf(headers, 'x-forwarded-for').includes(from))
}

async function turns(count: number): Promise<void> {
  for (let at = 0; at < count; at++) await new Promise((resume) => { setImmediate(resume) })
}

/** Status of every whole answer, and what is no answer. */
function answersIn(came: Buffer): { readonly answers: readonly number[]; readonly rest: string } {
  const answers: number[] = []
  let text = came.toString('latin1')
  for (;;) {
    const head = /^HTTP\/1\.1 ([0-9]{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n/.exec(text)
    if (head === null) return { answers, rest: text }
    const status = Number(head[1])
    const length = status < 200 ? 0 : Number(/(?:^|\n)content-length: ?([0-9]+)\r/i.exec(head[2] ?? '')?.[1] ?? NaN)
    const end = head[0].length + length
    // The answer to HEAD has a length and no body.
    const isBodiless = Number.isNaN(length) || text.length < end
    if (status >= 200) answers.push(status)
    text = text.slice(isBodiless ? head[0].length : end)
  }
}

/**
 * What is wrong with an outcome, in words; undefined where nothing is. What the receiver saw must be requests that a
 * strict reader finds, in their order, every byte of each body and every header value as written; each of the others
 * has an answer of its own or none.
 */
export function findingIn({ reading, seen, answers, ended }: Outcome): string | undefined {
  if (!ended) return 'the connection is still open'
  let next = 0
  for (const [at, one] of seen.entries()) {
    const places = reading.found.flatMap((should, index) => index >= next && isSame(one, should) ? [index] : [])
    // The same request twice, and only one of them answered with 200: that one.
    const place = places.find((index) => answers[index] === 200) ?? places[0] ?? -1
    if (place === -1) return `number ${at + 1} of the receiver is nothing that a strict reader finds (${reading.stop}): ${one.method} ${one.target} ${JSON.stringify(one.body.toString('latin1'))}`
    const strange = strangeHeader(one.headers, (reading.found[place] as Found).headers)
    if (strange !== undefined) return `number ${at + 1} came with ${JSON.stringify(strange)}`
    if (answers[place] !== 200) return `number ${place + 1} reached the receiver, and its sender was told ${answers[place]}`
    next = place + 1
  }
  const through = answers.filter((status) => status === 200).length
  if (through !== seen.length) return `the receiver saw ${seen.length} requests, and the sender was told of ${through}`
  return undefined
}

function isSame(got: Found, should: Found): boolean {
  return got.method === should.method && got.target === originForm(should.target) && got.body.equals(should.body)
}

function originForm(target: string): string {
  const rest = target.replace(/^https?:\/\/[^/?]*/i, '')
  return rest.startsWith('/') ? rest : `/${rest}`
}

const ours = /^(host|content-length|connection|x-forwarded-(for|proto|host)|sallyport-(route|delivery|sender))$/i

/** A header line that the receiver got and that the sender did not write so. */
function strangeHeader(got: readonly string[], written: readonly string[]): string | undefined {
  const lines = new Set<string>()
  for (let at = 0; at < written.length; at += 2) lines.add(`${written[at]}: ${written[at + 1]}`)
  for (let at = 0; at < got.length; at += 2) {
    const one = `${got[at]}: ${got[at + 1]}`
    if (!lines.has(one) && !ours.test(got[at] ?? '')) return one
  }
  return undefined
}
