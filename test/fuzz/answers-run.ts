import { request, type IncomingMessage } from 'node:http'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { startGateway, type Test, type TestGateway } from '../support/gateway.ts'
import { rawTls, type RawClient } from '../support/raw.ts'
import type { Payload } from './answer-mutations.ts'

/** A gateway, and a receiver that answers by bytes that were chosen before. */
export interface AnswerStage { readonly gateway: TestGateway; readonly receiver: ScriptedReceiver }

interface ScriptedReceiver { readonly port: number; readonly payloads: Map<string, Payload>; readonly close: () => void }

export async function setAnswerStage(t: Test): Promise<AnswerStage> {
  const receiver = await startScripted()
  t.teardown(() => receiver.close())
  const gateway = await startGateway(t, {
    receiver: receiver.port, routes: [{ match: { path: '/*', methods: ['POST', 'HEAD'] }, open: true }],
    settings: { limits: { connectionsPerAddress: 100_000, connections: 100_000, headersTimeout: '60s', handshakeTimeout: '60s' } },
  })
  return { gateway, receiver }
}

/** `/case/N` is answered by the payload of that name, anything else by its own path. */
async function startScripted(): Promise<ScriptedReceiver> {
  const payloads = new Map<string, Payload>()
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    let text = ''
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket)).on('data', (chunk) => {
      text += chunk.toString('latin1')
      for (let head = /^[A-Z]+ (\S+) HTTP\/1\.1\r\n[^]*?\r\n\r\n/.exec(text); head !== null; head = /^[A-Z]+ (\S+) HTTP\/1\.1\r\n[^]*?\r\n\r\n/.exec(text)) {
        text = text.slice(head[0].length)
        void answer(socket, head[1] as string, payloads)
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as AddressInfo).port, payloads, close: () => { for (const socket of sockets) socket.destroy(); server.close() } }
}

async function answer(socket: Socket, path: string, payloads: ReadonlyMap<string, Payload>): Promise<void> {
  const payload = payloads.get(path)
  if (payload === undefined) return void socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`)
  let from = 0
  for (const cut of [...payload.cuts, payload.bytes.length]) {
    socket.write(payload.bytes.subarray(from, cut))
    from = cut
    if (cut < payload.bytes.length) await turns(3)
  }
  if (payload.ends) return void socket.end()
  // Whoever still waits for more would wait for ever.
  await turns(200)
  socket.end()
}

/** An answer, to its end; or none. */
export type Read = { readonly status: number; readonly body: string } | 'none'

export interface AnswerOutcome { readonly payload: Payload; readonly gateway: Read; readonly node: Read; readonly after: string | undefined }

let nth = 0

/** Each payload as the sender gets it by the gateway, and as Node's client reads it; then an honest delivery behind each. */
export async function runAnswers({ gateway, receiver }: AnswerStage, payloads: readonly Payload[]): Promise<AnswerOutcome[]> {
  const named = payloads.map((payload) => ({ payload, path: `/case/${nth++}` }))
  for (const { payload, path } of named) receiver.payloads.set(path, payload)
  const reads = await Promise.all(named.map(async ({ payload, path }) => ({
    payload, gateway: await byGateway(gateway, payload.method, path), node: await byNode(receiver.port, payload.method, path),
  })))
  const after = await Promise.all(named.map(({ path }) => honest(gateway, `/honest${path}`)))
  receiver.payloads.clear()
  return reads.map((read, at) => ({ ...read, after: after[at] }))
}

async function byGateway({ port }: TestGateway, method: string, path: string): Promise<Read> {
  const client = await rawTls(port, { rejectUnauthorized: false })
  try {
    client.send(`${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${method === 'POST' ? 'Content-Length: 0\r\n' : ''}\r\n`)
    const { status, headers, body } = await client.response({ to: method })
    return isOurs(headers) ? 'none' : { status, body: body.toString('latin1') }
  } catch {
    return 'none'
  } finally {
    client.close()
  }
}

function isOurs(headers: readonly string[]): boolean {
  return headers.some((value) => value === 'application/problem+json')
}

/** What is wrong with what an honest delivery got; undefined: nothing. */
async function honest({ port }: TestGateway, path: string): Promise<string | undefined> {
  const client: RawClient = await rawTls(port, { rejectUnauthorized: false })
  try {
    const { status, body } = await client.send(`POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n`).response()
    // A connection that the receiver closes as we write: the sender comes again.
    return status === 502 || (status === 200 && body.toString() === path) ? undefined : `${status} ${JSON.stringify(body.toString('latin1'))}`
  } catch (error) {
    return String(error)
  } finally {
    client.close()
  }
}

function byNode(port: number, method: string, path: string): Promise<Read> {
  return new Promise((resolve) => {
    let answer: IncomingMessage | undefined
    const sent = request({ host: '127.0.0.1', port, method, path, agent: false, headers: method === 'POST' ? { 'Content-Length': 0 } : {} }, (response) => {
      answer = response
      let body = ''
      response.setEncoding('latin1').on('data', (part: string) => { body += part })
      response.on('error', () => resolve('none')).on('end', () => {
        resolve(response.complete ? { status: response.statusCode ?? 0, body } : 'none')
        sent.destroy()
      })
    })
    // What stands behind a whole answer is an error, too; the answer it does not concern.
    sent.on('error', () => { if (answer?.complete !== true) resolve('none') })
    sent.on('upgrade', (_, socket) => { socket.destroy(); resolve('none') })
    sent.end()
  })
}

async function turns(count: number): Promise<void> {
  for (let at = 0; at < count; at++) await new Promise((resume) => { setImmediate(resume) })
}

/** What is wrong with an outcome, in words; undefined where nothing is. The gateway may refuse more than Node does, and never less. */
export function findingOf({ gateway, node, after }: AnswerOutcome): string | undefined {
  if (after !== undefined) return `an honest delivery behind it got ${after}`
  if (gateway === 'none') return undefined
  if (node === 'none') return `the sender got ${JSON.stringify(gateway)}, and Node reads no answer`
  return gateway.status === node.status && gateway.body === node.body ? undefined : `the sender got ${JSON.stringify(gateway)}, and Node reads ${JSON.stringify(node)}`
}
