import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'
import { operate, post, type Operated } from '../support/operated.ts'
import { answerOk, startReceiver } from '../support/receiver.ts'

/**
 * Senders deliver without a pause, on connections that stay and on new ones, and the gateway is told to end. Whatever the
 * receiver saw was answered to its sender and recorded; whatever was not answered never reached the receiver.
 */
for (const workers of [1, 2]) {
  void t.test(`workers: ${workers}`, async (t) => {
    const receiver = await startReceiver()
    t.teardown(() => receiver.close())
    // Answers come late, so that many deliveries are under way when the signal comes.
    receiver.script = (socket, seen, nth) => { setImmediate(() => setImmediate(() => answerOk(socket, seen, nth))) }
    const gateway = await operate(t, receiver.port, { workers, replay: { store: 'file:nonces' } })
    const answered = new Set<string>()
    const senders = Promise.all(Array.from({ length: 12 }, (_, at) => sendOn(gateway, at, answered)))
    await receiver.sawAtLeast(100)
    gateway.process.kill('SIGTERM')
    await senders
    t.match(await gateway.exited, { code: 0, signal: null })
    const seen = receiver.seen.map(({ body }) => body.toString())
    t.equal(new Set(seen).size, seen.length, 'nothing twice')
    t.same(seen.filter((body) => !answered.has(body)), [], 'what the receiver saw was answered')
    t.equal(answered.size, seen.length, 'what was answered reached the receiver')
    const records = readFileSync(resolve(gateway.site.directory, 'audit.log'), 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as { verdict: string })
    t.equal(records.filter(({ verdict }) => verdict === 'accepted').length, seen.length, 'and is recorded')
  })
}

/** Delivers until the gateway is gone; every other sender keeps its connection. */
async function sendOn(gateway: Operated, sender: number, answered: Set<string>): Promise<void> {
  for (let connection = 0; ; connection++) {
    const client = await gateway.connect().catch(() => undefined)
    if (client === undefined) return
    for (let nth = 0; nth < (sender % 2 === 0 ? 50 : 1); nth++) {
      const body = `${sender}-${connection}-${nth}`
      const response = await client.send(post('/hook', body)).response().catch(() => undefined)
      if (response?.status === 200) answered.add(body)
      if (response === undefined || response.status !== 200) break
    }
    client.close()
  }
}
