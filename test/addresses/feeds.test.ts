import t from 'tap'
import { parseAddress } from '../../src/addresses/address.ts'
import { feedNames, feedSchema, shippedFeed, type FeedDocument } from '../../src/addresses/feed-document.ts'
import { feedObjection, readFeed } from '../../src/addresses/feed-text.ts'
import { Feeds } from '../../src/addresses/feeds.ts'
import type { Address } from '../../src/core/delivery.ts'
import type { Publication } from '../../src/core/ports.ts'

const address = (text: string) => parseAddress(text) as Address
const document = (written: Record<string, unknown>): FeedDocument => feedSchema.parse({ title: 'A sender', url: 'https://example.com/list', ...written })

const lines = document({})
const hooks = document({ json: [{ pointer: '/hooks' }] })
const readings: [name: string, document: FeedDocument, text: string, ranges: string[] | RegExp][] = [
  ['lines', lines, '# ours\n203.0.113.0/24\r\n\n  198.51.100.1\n', ['203.0.113.0/24', '198.51.100.1']],
  ['twice', lines, '203.0.113.0/24\n203.0.113.0/24', ['203.0.113.0/24']],
  ['no lines', lines, '\n# nothing\n', /empty/],
  ['an error page', lines, '<html><body>Not found', /no address/],
  ['one bad line', lines, '203.0.113.0/24\n203.0.113.7/24', /inside a range/],
  ['a default route', lines, '203.0.113.0/24\n0.0.0.0/0', /wider/],
  ['half of one', lines, '128.0.0.0/1', /wider/],
  ['a default route of IPv6', lines, '::/0', /wider/],
  ['half of one of IPv6', lines, '2000::/3', /wider/],
  ['as wide as it may be', lines, '9.0.0.0/8\n2a00::/16', ['9.0.0.0/8', '2a00::/16']],
  ['JSON', hooks, '{"hooks":["203.0.113.0/24","2001:db8::/32"],"web":["0.0.0.0/0"]}', ['203.0.113.0/24', '2001:db8::/32']],
  ['JSON, an empty list', hooks, '{"hooks":[]}', /empty/],
  ['JSON, another key', hooks, '{"hook":[]}', /no list of ranges at \/hooks/],
  ['JSON, no list', hooks, '{"hooks":{"0":"203.0.113.0/24"}}', /no list/],
  ['JSON, no texts', hooks, '{"hooks":[1]}', /no list/],
  ['JSON, inherited', document({ json: [{ pointer: '/constructor' }] }), '{}', /no list/],
  ['JSON, __proto__', document({ json: [{ pointer: '/__proto__' }] }), '{"a":1}', /no list/],
  ['no JSON', hooks, '203.0.113.0/24', /not JSON/],
  ['the top', document({ json: [{ pointer: '' }] }), '["203.0.113.0/24"]', ['203.0.113.0/24']],
  ['escapes and numbers', document({ json: [{ pointer: '/a~1b/0/m~0n' }] }), '{"a/b":[{"m~n":["203.0.113.0/24"]}]}', ['203.0.113.0/24']],
  ['two lists', document({ json: [{ pointer: '/four' }, { pointer: '/six' }] }), '{"four":["203.0.113.1"],"six":["2001:db8::1"]}', ['203.0.113.1', '2001:db8::1']],
  ['two lists, one gone', document({ json: [{ pointer: '/four' }, { pointer: '/six' }] }), '{"four":["203.0.113.1"]}', /no list of ranges at \/six/],
  ['fields', document({ json: [{ pointer: '/items', field: 'cidr', where: { direction: 'egress' } }] }),
    '{"items":[{"cidr":"203.0.113.0/24","direction":["egress","ingress"]},{"cidr":"192.0.2.0/24","direction":["ingress"]},{"cidr":"198.51.100.0/24","direction":"egress"}]}',
    ['203.0.113.0/24', '198.51.100.0/24']],
]
for (const [name, shape, text, ranges] of readings) t.match(readFeed(shape, text), ranges instanceof RegExp ? { fault: ranges } : { ranges }, name)

t.test('a list must not shrink by more than half', async (t) => {
  const list = (count: number) => Array.from({ length: count }, (_, at) => `203.0.113.${at}`)
  const rows: [before: number, after: number, taken: boolean][] = [[10, 5, true], [10, 4, false], [11, 6, true], [11, 5, false], [1, 1, true], [0, 1, true], [4, 40, true]]
  for (const [before, after, taken] of rows) {
    t.equal(feedObjection(lines, list(after).join('\n'), list(before)) === undefined, taken, `${before} → ${after}`)
  }
  t.match(feedObjection(lines, '', list(1)), /empty/)
})

/** A publication in the test's hands. */
function shelf(own: Record<string, FeedDocument>) {
  const state: { text: string | undefined; at: number; publication: Publication | undefined } = { text: undefined, at: 0, publication: undefined }
  const feeds = new Feeds(own, (publication) => {
    state.publication = publication
    return { text: () => state.text, at: () => (state.text === undefined ? undefined : state.at), refresh: () => Promise.resolve() }
  })
  return { state, feeds }
}

const snapshot = { date: '2026-06-01', ranges: ['203.0.113.0/24', '198.51.100.1'] }

t.test('the snapshot holds until something newer was fetched', async (t) => {
  const { state, feeds } = shelf({ sender: document({ snapshot }) })
  const feed = feeds.find('sender')
  t.equal(feed?.test(address('203.0.113.7')), '203.0.113.0/24')
  t.match(feeds.standing, [{ name: 'sender', from: 'snapshot', at: Date.UTC(2026, 5, 1), ranges: 2 }])
  state.text = '192.0.2.0/24'
  state.at = Date.UTC(2026, 4, 31)
  t.equal(feed?.test(address('203.0.113.7')), '203.0.113.0/24', 'what was fetched before the release is older')
  state.text = '192.0.2.0/25'
  state.at = Date.UTC(2026, 5, 2)
  t.equal(feed?.test(address('203.0.113.7')), undefined)
  t.equal(feed?.test(address('192.0.2.7')), '192.0.2.0/25')
  t.match(feeds.standing, [{ from: 'fetched', at: Date.UTC(2026, 5, 2), ranges: 1 }])
  t.equal(feeds.find('sender'), feed, 'opened once')
})

t.test('what is fetched is held against the snapshot, and then against the list before', async (t) => {
  const { state, feeds } = shelf({ sender: document({ snapshot: { ...snapshot, ranges: ['203.0.113.1', '203.0.113.2', '203.0.113.3', '203.0.113.4'] } }) })
  feeds.find('sender')
  t.match(state.publication?.objection('192.0.2.1', undefined), /shrank from 4 ranges to 1/)
  t.equal(state.publication?.objection('192.0.2.1\n192.0.2.2', undefined), undefined)
  t.equal(state.publication?.objection('192.0.2.1', '192.0.2.1\n192.0.2.2'), undefined)
  t.equal(state.publication?.every, 86_400_000)
})

t.test('without a snapshot nothing is held until it was fetched', async (t) => {
  const { state, feeds } = shelf({ sender: document({}) })
  const feed = feeds.find('sender')
  t.equal(feed?.test(address('203.0.113.7')), undefined)
  t.match(feeds.standing, [{ from: 'nothing', at: undefined, ranges: 0 }])
  state.text = '203.0.113.0/24'
  t.equal(feed?.test(address('203.0.113.7')), '203.0.113.0/24')
})

t.test('those that ship', async (t) => {
  const { feeds } = shelf({})
  t.ok(feedNames().length >= 8)
  for (const name of feedNames()) {
    const shipped = shippedFeed(name)
    t.ok(feeds.find(name), name)
    if (shipped?.snapshot !== undefined) t.match(readFeed({}, shipped.snapshot.ranges.join('\n')), { ranges: shipped.snapshot.ranges }, `${name}: not too wide, nothing twice`)
  }
  t.equal(feeds.find('github')?.test(address('140.82.115.1')), '140.82.112.0/20')
  t.equal(feeds.find('nobody'), undefined)
  t.equal(feeds.find('../presets/stripe'), undefined)
  t.equal(feeds.find('__proto__'), undefined)
})

t.test('mistakes of the operator', async (t) => {
  const wrong = [
    { url: 'http://example.com/list' }, { url: undefined }, { json: [] }, { json: [{ pointer: 'hooks' }] }, { snapshot: { date: 'today', ranges: ['203.0.113.1'] } },
    { snapshot: { date: '2026-06-01', ranges: [] } }, { snapshot: { date: '2026-06-01', ranges: ['203.0.113.1/24'] } }, { refresh: 24 }, { format: 'csv' },
  ]
  for (const written of wrong) t.equal(feedSchema.safeParse({ title: 'A sender', url: 'https://example.com/list', ...written }).success, false, JSON.stringify(written))
})
