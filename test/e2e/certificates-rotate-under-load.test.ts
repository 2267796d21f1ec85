import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import t from 'tap'
import { startGateway } from '../support/gateway.ts'
import { rawTls } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'
import type { Identity } from '../support/pki.ts'

const post = 'POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}'

/** How operators and their tools replace a pair of files. */
const ways: readonly [string, (directory: string, pair: Identity, round: number) => void][] = [
  ['by rename', (directory, { chain, key }) => {
    for (const [name, text] of [['server.pem', chain], ['server.key', key]] as const) {
      writeFileSync(join(directory, `${name}.new`), text)
      renameSync(join(directory, `${name}.new`), join(directory, name))
    }
  }],
  ['in place', (directory, { chain, key }) => {
    writeFileSync(join(directory, 'server.pem'), chain)
    writeFileSync(join(directory, 'server.key'), key)
  }],
  ['by a symbolic link that is swapped (Kubernetes)', (directory, { chain, key }, round) => {
    mkdirSync(join(directory, `data-${round}`))
    writeFileSync(join(directory, `data-${round}`, 'server.pem'), chain)
    writeFileSync(join(directory, `data-${round}`, 'server.key'), key)
    for (const name of ['server.pem', 'server.key']) {
      symlinkSync(join(directory, `data-${round}`, name), join(directory, 'link'))
      renameSync(join(directory, 'link'), join(directory, name))
    }
  }],
]

t.test('50 rotations under load: no handshake fails, no delivery is lost, each new pair is shown', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const { port, pki, sender, directory, gateway } = await startGateway(t, { receiver: receiver.port, routes: [{ certificate: {} }] })
  const open = () => rawTls(port, { ca: pki.ca.certificate, cert: sender.chain, key: sender.key, servername: 'localhost' })
  const standing = await open()
  t.teardown(() => standing.close())
  const load = { going: true, delivered: 0, failures: [] as unknown[] }
  const deliver = async (): Promise<void> => {
    while (load.going) {
      try {
        const client = await open()
        const { status } = await client.send(post).response()
        client.close()
        if (status === 200) load.delivered++
        else load.failures.push(status)
      } catch (error) {
        load.failures.push(error)
      }
    }
  }
  const clients = [deliver(), deliver(), deliver()]
  const shown = new Set<string>()
  for (let round = 0; round < 50; round++) {
    const pair = await pki.ca.server()
    ways[round % ways.length]?.[1](directory, pair, round)
    if (await gateway.reload() !== 'taken') t.fail(`round ${round} was refused`)
    const client = await open()
    const serial = (client.socket as TLSSocket).getPeerX509Certificate()?.serialNumber.toLowerCase()
    if (serial !== pair.serial) t.fail(`round ${round} shows another certificate`)
    shown.add(serial ?? '')
    t.equal((await standing.send(post).response()).status, 200, 'an open connection goes on')
    client.close()
  }
  load.going = false
  await Promise.all(clients)
  t.equal(shown.size, 50)
  t.same(load.failures, [])
  t.equal(receiver.seen.length, load.delivered + 50)
  t.ok(load.delivered > 0)
})

t.test('a pair that does not fit, or is half written, keeps the old one', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const { port, pki, sender, directory, gateway } = await startGateway(t, { receiver: receiver.port, routes: [{ certificate: {} }] })
  const open = () => rawTls(port, { ca: pki.ca.certificate, cert: sender.chain, key: sender.key, servername: 'localhost' })
  const serialShown = async () => {
    const client = await open()
    const serial = (client.socket as TLSSocket).getPeerX509Certificate()?.serialNumber.toLowerCase()
    const { status } = await client.send(post).response()
    client.close()
    return status === 200 ? serial : status
  }
  const before = await serialShown()
  const next = await pki.ca.server()
  const rows: [string, Record<string, string>][] = [
    ['the certificate came first', { 'server.pem': next.chain }], ['half a certificate', { 'server.pem': next.chain.slice(0, 200) }],
    ['an empty key', { 'server.key': '' }], ['half a key', { 'server.key': next.key.slice(0, 80) }], ['an empty CA file', { 'ca.pem': '' }],
  ]
  for (const [name, files] of rows) {
    for (const [file, text] of Object.entries(files)) writeFileSync(join(directory, file), text)
    t.equal(await gateway.reload(), 'refused', name)
    t.equal(await serialShown(), before, `${name}: the old one stays`)
  }
  for (const [file, text] of [['server.pem', next.chain], ['server.key', next.key], ['ca.pem', pki.ca.certificate]] as const) writeFileSync(join(directory, file), text)
  t.equal(await gateway.reload(), 'taken')
  t.equal(await serialShown(), next.serial)
})
