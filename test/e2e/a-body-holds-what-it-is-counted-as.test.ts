import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { startGateway } from '../support/gateway.ts'
import { rawTls } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

function held(): number {
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** `limits.buffered` would promise nothing if a body could hold many times its length. */
void t.test('a body in chunks of one byte', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const { port, gateway } = await startGateway(t, { receiver: receiver.port, routes: [{ open: true }] })
  const client = await rawTls(port, { rejectUnauthorized: false })
  t.teardown(() => client.close())
  const before = held()
  const size = 500_000
  client.send('POST /hook HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n')
  const thousand = Buffer.from('1\r\nx\r\n'.repeat(1_000))
  for (let sent = 0; sent < size; sent += 1_000) await new Promise<void>((resume) => { client.socket.write(thousand, () => resume()) })
  while (!await holds(gateway, size)) await new Promise((resume) => { setImmediate(resume) })
  const grown = held() - before
  t.ok(grown < 12_000_000, `${size} bytes of a body hold ${grown} bytes of memory`)
  t.equal((await client.send('0\r\n\r\n').response()).status, 200)
  t.equal(receiver.seen[0]?.body.length, size)
})

async function holds(gateway: { readonly measure: () => unknown }, bytes: number): Promise<boolean> {
  return JSON.stringify(await gateway.measure()).includes(`"value":${bytes}`)
}
