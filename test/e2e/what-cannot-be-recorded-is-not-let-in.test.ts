import { copyFileSync, openSync, readFileSync, renameSync, symlinkSync, truncateSync, unlinkSync } from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'
import { start } from '../support/binary.ts'
import { startGateway } from '../support/gateway.ts'
import { operate, post, type Operated } from '../support/operated.ts'
import { rawTls, valueOf } from '../support/raw.ts'
import { startReceiver, type TestReceiver } from '../support/receiver.ts'

async function receiverOf(t: { readonly teardown: (run: () => unknown) => unknown }): Promise<TestReceiver> {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  return receiver
}

void t.test('audit-unavailable: the disk is full; the receiver sees nothing more, and no record is lost', async (t) => {
  const receiver = await receiverOf(t)
  const gateway = await startGateway(t, { receiver: receiver.port, routes: [{ open: true }] })
  const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate })
  t.teardown(() => client.close())
  const file = resolve(gateway.directory, 'audit.log')
  const status = async (): Promise<number> => (await client.send(post('/hook')).response()).status
  unlinkSync(file)
  symlinkSync('/dev/full', file)
  gateway.gateway.reopenLogs()
  t.equal(await status(), 200, 'until its record is written nobody knows')
  await new Promise(setImmediate)
  const refused = await client.send(post('/hook')).response()
  t.equal(refused.status, 503)
  t.match(valueOf(refused.headers, 'retry-after'), '5')
  t.match(JSON.parse(refused.body.toString()), { reason: 'audit-unavailable' })
  t.equal(receiver.seen.length, 1)
  unlinkSync(file)
  gateway.gateway.reopenLogs()
  await new Promise(setImmediate)
  await new Promise(setImmediate)
  t.equal(await status(), 200, 'it recovers by itself')
  t.match(await gateway.audit(3), [{ verdict: 'accepted' }, { verdict: 'refused', reason: 'audit-unavailable', status: 503 }, { verdict: 'accepted' }])
})

/** What new senders are told, until it was the same twenty times. */
async function settled(gateway: Operated): Promise<number> {
  for (let [last, same] = [0, 0]; ;) {
    const client = await gateway.connect()
    const { status } = await client.send(post('/hook')).response()
    client.close()
    same = status === last ? same + 1 : 1
    last = status
    if (same === 20 && status !== 200) return status
  }
}

for (const workers of [1, 2]) {
  void t.test(`audit-unavailable: nobody reads standard output any more, with ${workers} worker(s)`, async (t) => {
    const receiver = await receiverOf(t)
    const gateway = await operate(t, receiver.port, { workers, log: { audit: 'stdout' }, replay: { store: 'file:nonces' } })
    gateway.process.stdout?.destroy()
    t.equal(await settled(gateway), 503)
    const { length } = receiver.seen
    t.equal(await settled(gateway), 503)
    t.equal(receiver.seen.length, length, 'nothing gets through')
    t.match((await gateway.page('/metrics')).text, /^sallyport_audit_failing 1$/m)
    t.match(gateway.output(), /the audit log cannot be written: no delivery is let in/)
    gateway.process.kill('SIGTERM')
    t.match(await gateway.exited, { code: 0 })
  })

  void t.test(`audit-unavailable: a full disk and ${workers} worker(s)`, async (t) => {
    const receiver = await receiverOf(t)
    const gateway = await operate(t, receiver.port, { workers, log: { audit: 'file:/dev/full' }, replay: { store: 'file:nonces' } })
    t.equal(await settled(gateway), 503)
    const { length } = receiver.seen
    t.equal(await settled(gateway), 503)
    t.equal(receiver.seen.length, length)
    gateway.process.kill('SIGTERM')
    t.match(await gateway.exited, { code: 0 })
  })
}

/** Does this process take SIGHUP (proc(5), the first bit)? It has told nobody that it listens. */
function takesHangup(pid: number): boolean {
  const caught = /^SigCgt:\t[0-9a-f]*([0-9a-f])$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0'
  return '13579bdf'.includes(caught)
}

for (const workers of [1, 2]) {
  void t.test(`audit-unavailable: a full disk that takes no word for the operator either, and ${workers} worker(s)`, async (t) => {
    const receiver = await receiverOf(t)
    const { process: first, exited, site, port } = await operate(t, receiver.port, { workers, replay: { store: 'file:nonces' }, log: { audit: 'file:/dev/full' } })
    first.kill('SIGTERM')
    await exited
    const gateway = start(['run', '-c', 'sallyport.yaml'], { cwd: site.directory, stderr: openSync('/dev/full', 'w') })
    t.teardown(() => gateway.process.kill('SIGKILL'))
    const status = async (): Promise<number> => {
      const client = await rawTls(port, { rejectUnauthorized: false })
      t.teardown(() => client.close())
      return (await client.send(post('/hook')).response()).status
    }
    while (!takesHangup(gateway.pid)) await new Promise(setImmediate)
    for (let same = 0; same < 20 && gateway.process.exitCode === null;) same = await status().catch(() => 0) === 503 ? same + 1 : 0
    const { length } = receiver.seen
    t.equal(await status(), 503)
    t.equal(receiver.seen.length, length)
    gateway.process.kill('SIGHUP')
    t.equal(await status(), 503)
    gateway.process.kill('SIGTERM')
    t.match(await gateway.exited, { code: 0 })
  })
}

void t.test('a record is whole or not there: rotated by name and by copying, while deliveries run', async (t) => {
  const receiver = await receiverOf(t)
  const gateway = await operate(t, receiver.port)
  const client = await gateway.connect()
  t.teardown(() => client.close())
  const file = resolve(gateway.site.directory, 'audit.log')
  const send = async (count: number): Promise<void> => {
    for (let nth = 0; nth < count; nth++) t.equal((await client.send(post('/hook')).response()).status, 200)
  }
  await send(20)
  renameSync(file, `${file}.1`)
  await send(5)
  gateway.process.kill('SIGHUP')
  await gateway.says(/configuration reloaded/)
  await send(20)
  // What is written between these two would be lost, as with any program: nothing is written there.
  while (readFileSync(file, 'utf8').split('\n').length <= 20) await new Promise(setImmediate)
  copyFileSync(file, `${file}.2`)
  truncateSync(file)
  await send(20)
  gateway.process.kill('SIGTERM')
  await gateway.exited
  const counts = [`${file}.1`, `${file}.2`, file].map((name) => readFileSync(name, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as object).length)
  t.same(counts, [25, 20, 20])
})
