import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'
import { secretText } from '../support/gateway.ts'
import { operate, post, type Operated } from '../support/operated.ts'
import { answerOk, startReceiver } from '../support/receiver.ts'

const github = { signature: { preset: 'github', secrets: ['env:SECRET'] }, replay: { onReplay: 'refuse' } }

function signed(body: string): string {
  const signature = createHmac('sha256', secretText).update(body).digest('hex')
  return post('/hook', body).replace('\r\n\r\n', `\r\nX-Hub-Signature-256: sha256=${signature}\r\n\r\n`)
}

/** Undefined where the connection was lost. */
async function statusOf(gateway: Operated, bytes: string): Promise<number | undefined> {
  try {
    const client = await gateway.connect()
    return await client.send(bytes).response().then(({ status }) => status).finally(() => client.close())
  } catch {
    return undefined
  }
}

t.test('a worker is killed under load: I1, I2, I3, and a sound audit stream', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const under = new Set<string>()
  const accepted = new Set<string>()
  const troubles: string[] = []
  receiver.script = (socket, seen, nth) => {
    const body = seen.body.toString()
    if (under.has(body)) troubles.push(`I1: ${body}`)
    if (accepted.has(body)) troubles.push(`I2: ${body}`)
    under.add(body)
    setImmediate(() => {
      under.delete(body)
      answerOk(socket, seen, nth)
    })
  }
  // Leases lapse 5 s after the receiver's time-out: those of the dead are waited for.
  const gateway = await operate(t, receiver.port, {
    workers: 2, replay: { store: 'file:nonces' }, receivers: { target: { url: receiver.url, timeout: '5s' } },
    routes: [{ ...github, name: 'hook', match: { path: '/hook' }, forward: { to: 'target' } }],
  })
  const [line = ''] = await gateway.says(/\{[^\n]*"msg":"workers serve"\}/)
  const { workers } = JSON.parse(line) as { readonly workers: readonly number[] }
  let done = 0
  const deliver = async (body: string): Promise<void> => {
    for (let status: number | undefined; status !== 200 && status !== 409;) status = await statusOf(gateway, signed(body))
    accepted.add(body)
    done++
  }
  const lanes = Array.from({ length: 4 }, async (_, lane) => { for (let nth = 0; nth < 12; nth++) await deliver(`${lane}-${nth}`) })
  while (done < 12) await new Promise(setImmediate)
  const [pid = 0] = workers
  process.kill(pid, 'SIGKILL')
  await gateway.says(new RegExp(`"pid":${pid}[^\\n]*a worker died and is replaced`))
  await Promise.all(lanes)
  t.same(troubles, [])
  t.equal(new Set(receiver.seen.map(({ body }) => body.toString())).size, 48, 'every one reached the receiver')
  for (const body of ['0-0', '1-6', '3-11']) t.equal(await statusOf(gateway, signed(body)), 409)
  gateway.process.kill('SIGTERM')
  t.equal((await gateway.exited).code, 0)
  const lines = readFileSync(resolve(gateway.site.directory, 'audit.log'), 'utf8').trimEnd().split('\n')
  for (const one of lines) if (typeof (JSON.parse(one) as { id: unknown }).id !== 'string') t.fail(one)
  t.ok(lines.length >= 51)
})
