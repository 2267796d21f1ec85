import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { makeFetch } from '../../src/outside/fetch.ts'
import { Publications } from '../../src/outside/publications.ts'
import { makePki } from '../support/pki.ts'
import { StillClock } from '../support/clock.ts'

const hour = 3_600_000

/** A publisher in this process, and a keeper of what it publishes. */
function scene(t: Test, { directory = t.testdir({}), clock = new StillClock() } = {}) {
  const said: string[] = []
  const publisher = { text: 'one', fails: false, asked: 0 }
  const fetch = async () => {
    publisher.asked++
    if (publisher.fails) throw new Error('down')
    return publisher.text
  }
  const publications = new Publications({ clock, fetch, directory })
  const start = (before?: Publications) => { publications.start((_url, what) => { said.push(what) }, before) }
  const published = publications.open({
    url: 'https://example.com/list', every: hour, objection: (text, before) => (text === 'bad' ? `bad after ${before}` : undefined),
  })
  const pass = async (time: number) => {
    clock.advance(time)
    for (let at = 0; at < 5; at++) await new Promise((resolve) => { setImmediate(resolve) })
  }
  return { publications, start, published, publisher, said, pass, directory, clock }
}

t.test('fetched at once, and again when it is old', async (t) => {
  const { publications, start, published, publisher, pass, clock } = scene(t)
  t.equal(published.text(), undefined)
  start()
  await pass(0)
  t.equal(published.text(), 'one')
  t.equal(published.at(), clock.now())
  publisher.text = 'two'
  await pass(hour - 1)
  t.equal(published.text(), 'one')
  await pass(1)
  t.equal(published.text(), 'two')
  t.equal(publisher.asked, 2)
  publications.stop()
  await pass(10 * hour)
  t.equal(publisher.asked, 2)
})

t.test('the last good one stays, and is asked for again soon', async (t) => {
  const { start, published, publisher, pass, said } = scene(t)
  start()
  await pass(0)
  publisher.text = 'bad'
  await pass(hour)
  t.equal(published.text(), 'one')
  publisher.fails = true
  await pass(60_000)
  t.equal(published.text(), 'one')
  t.same(said, ['refused: bad after one', 'down'])
  publisher.fails = false
  publisher.text = 'two'
  await pass(60_000)
  t.equal(published.text(), 'two')
})

t.test('it outlives a restart, by whole files that nobody else may read', async (t) => {
  const first = scene(t)
  first.start()
  await first.pass(0)
  first.publications.stop()
  const [file] = readdirSync(first.directory)
  t.match(file, /^[0-9a-f]{64}\.json$/)
  t.equal(statSync(join(first.directory, file ?? '')).mode & 0o777, 0o600)
  const second = scene(t, first)
  t.equal(second.published.text(), 'one')
  second.start()
  await second.pass(hour - 1)
  t.equal(second.publisher.asked, 0, 'it is not old')
  await second.pass(1)
  t.equal(second.publisher.asked, 1)
  for (const torn of ['', '{', 'null', '{"url":"https://example.com/other","text":"x","at":1}', '{"url":"https://example.com/list","text":"bad","at":1}']) {
    writeFileSync(join(first.directory, file ?? ''), torn)
    t.equal(scene(t, first).published.text(), undefined, torn)
  }
})

t.test('a reload takes over what the disk did not keep', async (t) => {
  const clock = new StillClock()
  const directory = join(t.testdir({ file: 'in the way' }), 'file')
  const first = scene(t, { directory, clock })
  first.start()
  await first.pass(0)
  t.equal(first.published.text(), 'one')
  t.equal(first.said.length, 1)
  const second = scene(t, { directory, clock })
  t.equal(second.published.text(), undefined)
  second.start(first.publications)
  t.equal(second.published.text(), 'one')
})

t.test('asking in between: not more often than once a minute, and never before the start', async (t) => {
  const { publications, start, published, publisher, pass } = scene(t)
  await published.refresh()
  t.equal(publisher.asked, 0)
  start()
  await pass(0)
  publisher.text = 'two'
  await Promise.all([published.refresh(), published.refresh()])
  t.equal(published.text(), 'one')
  await pass(60_000)
  await Promise.all([published.refresh(), published.refresh()])
  t.equal(published.text(), 'two')
  t.equal(publisher.asked, 2)
  t.equal(publications.open({ url: 'https://example.com/list', every: 1, objection: () => 'no' }), published)
  t.match(publications.standing, [{ url: 'https://example.com/list' }])
})

t.test('fetch: https, verified, whole, 200, bounded, in time', async (t) => {
  const pki = await makePki()
  const { chain, key } = await pki.ca.server()
  const server = createServer({ cert: chain, key }, (request, response) => {
    if (request.url === '/moved') response.writeHead(302, { location: '/good' })
    if (request.url === '/broken') return void response.writeHead(200, { 'content-length': '10' }).write('half', () => response.destroy())
    if (request.url === '/silent') return
    if (request.url === '/binary') return void response.end(Buffer.of(0xff, 0xfe))
    response.end('good')
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const base = `https://localhost:${(server.address() as AddressInfo).port}`
  const fetch = makeFetch({ ca: pki.ca.certificate })
  t.equal(await fetch(`${base}/good`, 4, 5_000), 'good')
  await t.rejects(fetch(`${base}/good`, 3, 5_000), /longer than 3/)
  await t.rejects(fetch(`${base}/moved`, 100, 5_000), /302/)
  await t.rejects(fetch(`${base}/broken`, 100, 5_000))
  await t.rejects(fetch(`${base}/binary`, 100, 5_000))
  await t.rejects(fetch(`${base}/silent`, 100, 50))
  await t.rejects(makeFetch()(`${base}/good`, 100, 5_000), 'an authority that nobody trusts')
  await t.rejects(fetch(`http://localhost/good`, 100, 5_000), /only https/)
})
