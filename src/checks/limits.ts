import { z } from 'zod'
import { at, defineCheck } from '../core/check.ts'
import type { BodyFault } from '../core/delivery.ts'
import { size } from '../core/fields.ts'
import { pass, refuse } from '../core/verdict.ts'

/** Is the body whole, and no larger than we take? Every route asks this; the key narrows it. */
export const limits = defineCheck({
  key: 'limits',
  authenticates: false,
  schema: z.strictObject({
    body: size.optional().describe('The most that a body of this route may hold; never more than the global limit.'),
  }),
  reasons: {
    'body-too-large': { status: 413, title: 'The body is larger than allowed' },
    'body-timeout': { status: 408, title: 'The body did not arrive in time' },
    'body-incomplete': { status: 400, title: 'The body ended early or is not framed right' },
    overloaded: { status: 503, title: 'The gateway holds as much as it can', retryAfter: 5 },
  },
  compile({ body: cap = 0 }) {
    return [
      at('body', (known) => {
        const reading = known.read(cap)
        return reading instanceof Promise ? reading.then((body) => judge(body, cap)) : judge(reading, cap)
      }),
    ]
  },
})

const reasonOf = {
  'too-large': 'body-too-large', timeout: 'body-timeout', incomplete: 'body-incomplete', overloaded: 'overloaded',
} as const

function judge(body: Uint8Array | BodyFault, cap: number) {
  if (body instanceof Uint8Array) return pass({ bytes: body.length }, { body })
  return refuse(reasonOf[body.fault], { cap })
}
