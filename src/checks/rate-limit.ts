import { z } from 'zod'
import { originOf } from '../addresses/origin.ts'
import { at, defineCheck } from '../core/check.ts'
import type { Head } from '../core/delivery.ts'
import { duration } from '../core/fields.ts'
import { Pace } from '../core/pace.ts'
import { pass, refuse } from '../core/verdict.ts'

/**
 * Does this sender keep to the pace of the route? Asked once address and certificate were accepted, so that only they
 * use it up, and before anything is read or computed.
 */
export const rateLimit = defineCheck({
  key: 'rateLimit',
  authenticates: false,
  schema: z.strictObject({
    by: z.enum(['certificate', 'address', 'route'])
      .describe('Who is counted: each certificate (each address, where none was shown), each address (IPv6 by its /64), or all together.'),
    deliveries: z.int().min(1).max(100_000).describe('How many deliveries; all of them may come at once.'),
    per: duration.describe('In what time, `1s` or `1m`.'),
  }),
  reasons: {
    'rate-limited': { status: 429, title: 'Too many deliveries', retryAfter: 1 },
  },
  compile({ by, deliveries, per }, { clock, problem, neighbour }) {
    if (per === 0) problem(['per'], 'nothing can be counted in no time', 'write a length of time, 1s or 1m')
    if (by === 'certificate' && neighbour('certificate') === undefined) {
      problem(['by'], 'the route asks for no certificate', 'add `certificate: {}` to the route, or count by address')
    }
    const pace = new Pace({ count: deliveries, per })
    const keyOf = keys[by]
    return [
      at('certificate', (head) => {
        const wait = pace.take(keyOf(head), clock.monotonic())
        if (wait === 0) return pass()
        return { ...refuse('rate-limited', { by, deliveries, per }), retryAfter: Math.ceil(wait / 1_000) }
      }),
    ]
  },
})

const keys: Readonly<Record<'certificate' | 'address' | 'route', (head: Head) => string>> = {
  certificate: ({ certificate, from }) => certificate?.fingerprint ?? originOf(from),
  address: ({ from }) => originOf(from),
  route: () => '',
}
