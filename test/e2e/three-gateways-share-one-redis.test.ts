import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { Agent, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { start, type Running } from '../support/binary.ts'
import { unhurried } from '../support/operated.ts'
import { makePki } from '../support/pki.ts'
import { startRedis } from '../support/redis.ts'

/**
 * Every delivery goes to all three gateways at once; a third through, one gateway is killed and started again, and two
 * thirds through the Redis. The sender comes again after 5xx and lost connections, as senders do. What must hold then
 * is I1, I2 and I3 of docs/replay.md; the table there is what this test prints.
 */
const deliveries = 3_000
const atOnce = 30
const secret = 'a secret that three gateways share'
/** The lease is this and five seconds. A receiver that is slower than this is given up, and may see the delivery twice at one time. */
const receiverTimeout = 8_000

const counts = { forwarded: 0, 'forwarded again': 0, accepted: 0, replayed: 0, 'in flight': 0, 'store unavailable': 0, 'other 5xx': 0, 'connection lost': 0 }

/** What the receiver and the sender saw of a delivery; both live in this process, so that before and after are plain. */
interface Seen { forwarded: number; inside: number; acknowledged: boolean }
const seen = new Map<string, Seen>()
const broken: string[] = []

function seenOf(id: string): Seen {
  const found = seen.get(id) ?? { forwarded: 0, inside: 0, acknowledged: false }
  seen.set(id, found)
  return found
}

const receiver = createServer((incoming, response) => {
  let body = ''
  incoming.setEncoding('utf8').on('data', (text: string) => { body += text }).on('end', () => {
    const id = (JSON.parse(body) as { id: string }).id
    const one = seenOf(id)
    if (one.inside > 0) broken.push(`I1: ${id} was with the receiver twice at one time`)
    if (one.acknowledged) broken.push(`I2: ${id} was forwarded after a 2xx`)
    if (one.forwarded++ > 0) counts['forwarded again']++
    counts.forwarded++
    one.inside++
    setTimeout(() => {
      one.inside--
      response.writeHead(202).end()
    }, 2)
  })
})
receiver.listen(0, '127.0.0.1')
await once(receiver, 'listening')
t.teardown(() => {
  receiver.closeAllConnections()
  receiver.close()
})

const redis = await startRedis(t, { args: ['--appendonly', 'yes', '--appendfsync', 'always'] })
const { ca } = await makePki()
const server = await ca.server()
const directory = t.testdir({ 'server.pem': server.chain, 'server.key': server.key })

class GatewayProcess {
  readonly agent = new Agent({ keepAlive: true, maxSockets: atOnce, ca: ca.certificate, servername: 'localhost' })
  port = 0
  readonly #file: string
  #running: Running | undefined

  constructor(number: number) {
    this.#file = join(directory, `gateway${number}.yaml`)
    writeFileSync(this.#file, JSON.stringify({
      listeners: [{ address: '127.0.0.1:0', tls: { certificate: 'server.pem', key: 'server.key' } }],
      receivers: { target: { url: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`, timeout: `${receiverTimeout}ms` } },
      replay: { store: redis.url, timeout: '10s' },
      log: { audit: `file:audit${number}.log` },
      responses: 'detailed', limits: unhurried,
      routes: [{
        name: 'hook', match: { path: '/hook' }, forward: { to: 'target' }, replay: {},
        signature: { preset: 'hmac', header: 'x-signature', secrets: [`literal:${secret}`] },
      }],
    }))
  }

  async start(): Promise<void> {
    this.#running = start(['run', '-c', this.#file], { cwd: directory })
    const [, port] = await this.#running.says(/"127\.0\.0\.1:(\d+)"\][^\n]*sallyport listens/)
    this.port = Number(port)
  }

  async die(): Promise<void> {
    const running = this.#running
    this.#running = undefined
    if (running === undefined) return
    running.process.kill('SIGKILL')
    await running.exited
    // A dead gateway has no port; whoever tries it finds nobody.
    this.port = 1
  }
}

/** Status and reason; 0 where the connection was lost. */
function post(gateway: GatewayProcess, body: string): Promise<{ status: number; reason: string }> {
  return new Promise((resolve) => {
    const lost = () => resolve({ status: 0, reason: '' })
    const sending = request({
      agent: gateway.agent, host: '127.0.0.1', port: gateway.port, method: 'POST', path: '/hook',
      headers: { 'x-signature': createHmac('sha256', secret).update(body).digest('hex'), 'content-length': Buffer.byteLength(body), host: 'localhost' },
    }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => { text += part }).on('error', lost).on('end', () => {
        const reason = text === '' ? '' : (JSON.parse(text) as { reason?: string }).reason ?? ''
        resolve({ status: response.statusCode ?? 0, reason })
      })
    })
    sending.on('error', lost)
    sending.end(body)
  })
}

/** As a sender: until it is told that the delivery was taken, now or before. */
async function deliver(gateway: GatewayProcess, id: string): Promise<void> {
  const body = JSON.stringify({ id, padding: 'x'.repeat(500) })
  for (let wait = 100; ; wait = Math.min(wait * 2, 500)) {
    const { status, reason } = await post(gateway, body)
    if (status === 202) {
      seenOf(id).acknowledged = true
      counts.accepted++
      return
    }
    if (status === 409) {
      counts.replayed++
      return
    }
    if (status !== 0 && status < 500) throw new Error(`${id}: ${status} ${reason}`)
    counts[status === 0 ? 'connection lost' : reason === 'in-flight' ? 'in flight' : reason === 'store-unavailable' ? 'store unavailable' : 'other 5xx']++
    await new Promise((resume) => { setTimeout(resume, wait) })
  }
}

const gateways = [0, 1, 2].map((number) => new GatewayProcess(number))
await Promise.all(gateways.map((gateway) => gateway.start()))
t.teardown(() => Promise.all(gateways.map((gateway) => gateway.die())))

/** What happens when so many deliveries were begun. */
const events = new Map<number, () => Promise<void>>([
  [Math.floor(deliveries / 3), async () => {
    await gateways[0]?.die()
    await gateways[0]?.start()
  }],
  [Math.floor(deliveries * 2 / 3), async () => {
    await redis.die()
    await redis.start()
  }],
])
const happened: Promise<void>[] = []

let begun = 0
await Promise.all(Array.from({ length: atOnce }, async () => {
  while (begun < deliveries) {
    const id = `delivery-${begun++}`
    const event = events.get(begun)
    if (event !== undefined) happened.push(event())
    await Promise.all(gateways.map((gateway) => deliver(gateway, id)))
  }
}))
await Promise.all(happened)
for (const gateway of gateways) gateway.agent.destroy()

t.strictSame(broken, [], 'I1 and I2 hold')
t.equal([...seen.values()].filter(({ forwarded }) => forwarded > 0).length, deliveries, 'I3: every delivery reached the receiver')
t.equal(counts.accepted + counts.replayed, 3 * deliveries, 'and every sender was told so in the end')
t.ok(counts['forwarded again'] <= 3 * atOnce, 'only what was under way at a kill was forwarded again')
t.comment(['| what | how often |', '| --- | ---: |', ...Object.entries(counts).map(([what, count]) => `| ${what} | ${count} |`)].join('\n'))
