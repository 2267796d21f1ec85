import { createHmac } from 'node:crypto'
import { readFileSync, renameSync } from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'
import { start } from '../support/binary.ts'
import { secretText } from '../support/gateway.ts'
import { operate, post, type Operated } from '../support/operated.ts'
import { answerOk, startReceiver, type TestReceiver } from '../support/receiver.ts'

const routes = [
  { name: 'signed', match: { path: '/signed' }, signature: { preset: 'github', secrets: ['env:SECRET'] }, replay: { onReplay: 'refuse' }, forward: { to: 'target' } },
  { name: 'hook', match: { path: '/hook' }, open: true, forward: { to: 'target' } },
]

function signed(body: string): string {
  const signature = createHmac('sha256', secretText).update(body).digest('hex')
  return post('/signed', body).replace('\r\n\r\n', `\r\nX-Hub-Signature-256: sha256=${signature}\r\n\r\n`)
}

async function statusOf(gateway: Operated, bytes: string): Promise<number> {
  const client = await gateway.connect()
  const { status } = await client.send(bytes).response()
  client.close()
  return status
}

async function twoWorkers(t: Parameters<typeof operate>[0], receiver: TestReceiver): Promise<Operated> {
  return await operate(t, receiver.port, { workers: 2, replay: { store: 'file:nonces' }, routes })
}

const pidsIn = (text: string): number[] => (JSON.parse(text) as { workers: number[] }).workers

/** What the page says once it says so much: a worker that does not answer in two seconds is shown as it was. */
async function counted(gateway: Operated, atLeast: number): Promise<number> {
  for (;;) {
    const { text } = await gateway.page('/metrics')
    const sum = [...text.matchAll(/^sallyport_deliveries_total\{[^}]*\} (\d+)/gm)].reduce((all, [, count]) => all + Number(count), 0)
    if (sum >= atLeast) return sum
  }
}

void t.test('two workers are one gateway: one memory of nonces, one audit stream, one metrics page, one reload, one drain', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await twoWorkers(t, receiver)
  const once = await Promise.all(Array.from({ length: 25 }, () => statusOf(gateway, signed('the same delivery'))))
  t.equal(once.filter((status) => status === 200).length, 1, 'of 25 at once one gets through')
  t.same(once.filter((status) => ![200, 409, 503].includes(status)), [])
  t.equal(receiver.seen.length, 1)
  const many = await Promise.all(Array.from({ length: 40 }, (_, at) => statusOf(gateway, signed(`delivery ${at}`))))
  t.same(many.filter((status) => status !== 200), [])
  t.equal(await counted(gateway, 65), 65)

  const next = { ...gateway.settings, routes: [{ ...routes[1], match: { path: '/second' } }] }
  gateway.write(next)
  gateway.process.kill('SIGHUP')
  await gateway.says(/configuration reloaded[^]*configuration reloaded[^]*configuration reloaded/)
  const after = await Promise.all(Array.from({ length: 8 }, (_, at) => statusOf(gateway, post(at % 2 === 0 ? '/second' : '/hook'))))
  t.same(after, [200, 404, 200, 404, 200, 404, 200, 404], 'every worker took it')
  gateway.write('nonsense: [')
  gateway.process.kill('SIGHUP')
  await gateway.says(/reload refused/)
  t.match((await gateway.page('/metrics')).text, /sallyport_last_reload_successful 0/)

  let answer = (): void => {}
  receiver.script = (socket, seen, nth) => { answer = () => answerOk(socket, seen, nth) }
  const client = await gateway.connect()
  client.send(post('/second'))
  await receiver.sawAtLeast(receiver.seen.length + 1)
  gateway.process.kill('SIGTERM')
  await gateway.says(/"draining"/)
  t.equal((await gateway.page('/readyz')).status, 503)
  answer()
  t.equal((await client.response()).status, 200, 'what is under way finishes')
  t.match(await gateway.exited, { code: 0, signal: null })
  const lines = readFileSync(resolve(gateway.site.directory, 'audit.log'), 'utf8').trimEnd().split('\n')
  t.equal(lines.length, 25 + 40 + 8 + 1)
  for (const line of lines) if (typeof (JSON.parse(line) as { id: unknown }).id !== 'string') t.fail(line)
})

void t.test('a worker that dies is replaced, what it counted stays counted, and nobody gets through twice', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await twoWorkers(t, receiver)
  t.equal(await statusOf(gateway, signed('before')), 200)
  const before = await counted(gateway, 1)
  const [line = ''] = await gateway.says(/\{[^\n]*"msg":"workers serve"\}/)
  process.kill(pidsIn(line)[0] ?? 0, 'SIGKILL')
  await gateway.says(/a worker died and is replaced/)
  t.equal(await statusOf(gateway, signed('before')), 409)
  t.equal(await statusOf(gateway, signed('after')), 200)
  t.equal(await counted(gateway, before + 2), before + 2)
  gateway.process.kill('SIGTERM')
  t.equal((await gateway.exited).code, 0)
})

/** One that has ended and that nobody buries (in a container whose first process does not) is not there any more. */
function isThere(pid: number): boolean {
  try {
    return !/\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false
  }
}

void t.test('the first process is killed: its workers end with it, and the next run knows what they let in', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await twoWorkers(t, receiver)
  const [line = ''] = await gateway.says(/\{[^\n]*"msg":"workers serve"\}/)
  t.equal(await statusOf(gateway, signed('before')), 200)
  gateway.process.kill('SIGKILL')
  await gateway.exited
  const next = start(['run', '-c', 'sallyport.yaml'], { cwd: gateway.site.directory, env: { SECRET: secretText } })
  t.teardown(() => next.process.kill('SIGKILL'))
  await next.says(/sallyport listens/)
  t.equal(await statusOf(gateway, signed('before')), 409)
  t.equal(await statusOf(gateway, signed('after')), 200)
  t.equal(receiver.seen.length, 2)
  // That one of the first is left for good ends in the time-out.
  for (const pid of pidsIn(line)) while (isThere(pid)) await new Promise(setImmediate)
  next.process.kill('SIGTERM')
  t.equal((await next.exited).code, 0)
})

void t.test('a log that was rotated: every worker writes to the new file', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await twoWorkers(t, receiver)
  const file = resolve(gateway.site.directory, 'audit.log')
  const lines = (path: string): number => readFileSync(path, 'utf8').trimEnd().split('\n').length
  for (let nth = 0; nth < 10; nth++) await statusOf(gateway, post('/hook'))
  renameSync(file, `${file}.1`)
  gateway.process.kill('SIGHUP')
  await gateway.says(/configuration reloaded[^]*configuration reloaded[^]*configuration reloaded/)
  for (let nth = 0; nth < 20; nth++) await statusOf(gateway, post('/hook'))
  gateway.process.kill('SIGTERM')
  t.equal((await gateway.exited).code, 0)
  t.equal(lines(`${file}.1`), 10)
  t.equal(lines(file), 20)
})

void t.test('400 new connections, 16 at a time: whichever worker takes them, each is served', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  // A machine that is busy with something else is no part of this: late event loops shed load.
  const gateway = await operate(t, receiver.port, { workers: 2, replay: { store: 'file:nonces' }, limits: { eventLoopDelay: '10m', handshakeTimeout: '10m' }, routes })
  let nth = 0
  const statuses = new Map<number, number>()
  await Promise.all(Array.from({ length: 16 }, async () => {
    while (nth < 400) {
      const status = await statusOf(gateway, signed(`delivery ${nth++}`))
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
  }))
  t.same([...statuses], [[200, 400]])
  t.equal(receiver.seen.length, 400)
  gateway.process.kill('SIGTERM')
  t.equal((await gateway.exited).code, 0)
})
