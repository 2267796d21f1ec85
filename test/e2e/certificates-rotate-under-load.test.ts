import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { watchFiles } from '../../src/config/watch.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { operate } from '../support/operated.ts'
import { rawTls } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'
import { makePki } from '../support/pki.ts'

const post = 'POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}'

/** What is replaced: the pair, and beside it the authorities and their list. */
type Files = Readonly<Record<'server.pem' | 'server.key' | 'ca.pem' | 'ca.crl', string>>

/** How operators and their tools replace files: what they do first, and what is done once the gateway may have looked. */
const ways: readonly [string, (directory: string, files: Files, round: number) => readonly (() => void)[]][] = [
  ['by rename', (directory, files) => Object.entries(files).map(([name, text]) => () => {
    writeFileSync(join(directory, `${name}.new`), text)
    renameSync(join(directory, `${name}.new`), join(directory, name))
  })],
  ['in place', (directory, files) => Object.entries(files).map(([name, text]) => () => writeFileSync(join(directory, name), text))],
  ['by a symbolic link that is swapped (Kubernetes)', (directory, files, round) => [() => {
    const made = join(directory, `..${round}`)
    mkdirSync(made)
    for (const [name, text] of Object.entries(files)) writeFileSync(join(made, name), text)
    symlinkSync(`..${round}`, join(directory, '..data_tmp'))
    renameSync(join(directory, '..data_tmp'), join(directory, '..data'))
    for (const name of Object.keys(files)) {
      symlinkSync(join('..data', name), join(directory, 'link'))
      renameSync(join(directory, 'link'), join(directory, name))
    }
  }]],
]

/** The watcher of `sallyport run`, by the clock of the test; resolves once it has looked twice and read what it found. */
function watch(t: Test, { gateway, world }: Pick<TestGateway, 'gateway' | 'world'>): () => Promise<'taken' | 'refused' | 'nothing'> {
  let reading: Promise<'taken' | 'refused'> | undefined
  t.teardown(watchFiles(() => gateway.files, () => (reading = gateway.reload()), world.clock))
  return async () => {
    reading = undefined
    world.clock.advance(1_000)
    world.clock.advance(1_000)
    const result = await reading ?? 'nothing'
    // The watcher goes on behind the reload.
    await new Promise((resume) => { setImmediate(resume) })
    return result
  }
}

// All the load that a machine bears: a slow one takes its time.
t.setTimeout(600_000)

t.test('50 rotations under load, by the gateway’s own watcher: no handshake fails, no delivery is lost, each new pair is shown', async (t) => {
  t.setTimeout(600_000)
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const started = await startGateway(t, {
    receiver: receiver.port, routes: [{ certificate: {} }], clientCertificate: { crl: ['ca.crl'] }, files: async ({ ca }) => ({ 'ca.crl': await ca.crl() }),
  })
  const { port, pki, sender, directory } = started
  const look = watch(t, started)
  const open = () => rawTls(port, { ca: pki.ca.certificate, cert: sender.chain, key: sender.key, servername: 'localhost' })
  const shownTo = async (): Promise<string | undefined> => {
    const client = await open()
    const serial = (client.socket as TLSSocket).getPeerX509Certificate()?.serialNumber.toLowerCase()
    client.close()
    return serial
  }
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
  const shown = new Set<string | undefined>()
  let before = await shownTo()
  for (let round = 0; round < 50; round++) {
    const [name, steps] = ways[round % ways.length] as (typeof ways)[number]
    const pair = await pki.ca.server()
    const files = { 'server.pem': pair.chain, 'server.key': pair.key, 'ca.pem': `${pki.ca.certificate}\n# ${round}\n`, 'ca.crl': await pki.ca.crl([], { number: round + 2 }) }
    const [first, ...rest] = steps(directory, files, round)
    first?.()
    if (rest.length > 0) {
      if (await look() !== 'refused') t.fail(`${name}, round ${round}: a certificate without its key was taken`)
      if (await shownTo() !== before) t.fail(`${name}, round ${round}: half a pair is shown`)
    }
    for (const step of rest) step()
    if (await look() !== 'taken') t.fail(`${name}, round ${round} was not taken`)
    if (await look() !== 'nothing') t.fail(`${name}, round ${round} was taken twice`)
    before = await shownTo()
    if (before !== pair.serial) t.fail(`${name}, round ${round} shows another certificate`)
    shown.add(before)
    t.equal((await standing.send(post).response()).status, 200, 'an open connection goes on')
  }
  load.going = false
  await Promise.all(clients)
  t.equal(shown.size, 50)
  t.same(load.failures, [])
  t.equal(receiver.seen.length, load.delivered + 50)
  t.ok(load.delivered > 0)
})

t.test('`sallyport run` takes each way of replacing without a signal, and says why it does not take half a pair', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const { ca } = await makePki()
  const running = await operate(t, receiver.port)
  const { directory } = running.site
  let taken = 0
  const says = (what: string, count: number) => running.says(new RegExp(`(?:${what}[^]*){${count}}`))
  for (const [round, [name, steps]] of ways.entries()) {
    const pair = await ca.server()
    const [first, ...rest] = steps(directory, { 'server.pem': pair.chain, 'server.key': pair.key, 'ca.pem': ca.certificate, 'ca.crl': '' }, round)
    first?.()
    if (rest.length > 0) await says('do not belong together[^]*reload refused, the last good configuration stays', round + 1)
    for (const step of rest) step()
    await says('"configuration reloaded"', ++taken)
    const client = await running.connect()
    t.equal((client.socket as TLSSocket).getPeerX509Certificate()?.serialNumber.toLowerCase(), pair.serial, name)
    t.equal((await client.send(post).response()).status, 200, name)
    client.close()
  }
  t.match((await running.page('/metrics')).text, /sallyport_last_reload_successful 1/)
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
