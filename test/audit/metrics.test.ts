import t from 'tap'
import { Metrics } from '../../src/audit/metrics.ts'

const nothing = {
  heldBytes: () => 0, connections: () => 0, load: { inFlight: 0, delay: 0 }, audit: { isFailing: false }, expiries: () => [], feeds: () => [],
  statuses: () => ({ answers: new Map(), reused: 0 }),
} as const

t.test('decisions are counted by route, verdict and reason', async (t) => {
  const metrics = new Metrics(nothing)
  const counted = [
    { route: 'hook', verdict: 'accepted', reason: undefined }, { route: 'hook', verdict: 'refused', reason: 'replayed' },
    { route: 'hook', verdict: 'accepted', reason: undefined }, { route: 'hook', verdict: 'accepted', reason: 'replayed' },
    { route: undefined, verdict: 'refused', reason: 'no-route' }, { route: 'hook', verdict: 'refused', reason: 'replayed' },
  ] as const
  for (const one of counted) metrics.count(one)
  const page = await metrics.text()
  t.same(page.split('\n').filter((line) => line.startsWith('sallyport_deliveries_total{')).sort(), [
    'sallyport_deliveries_total{route="",verdict="refused",reason="no-route"} 1',
    'sallyport_deliveries_total{route="hook",verdict="accepted",reason=""} 2',
    'sallyport_deliveries_total{route="hook",verdict="accepted",reason="replayed"} 1',
    'sallyport_deliveries_total{route="hook",verdict="refused",reason="replayed"} 2',
  ])
})
