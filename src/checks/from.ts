import { z } from 'zod'
import { compileRanges, parseRange, type RangeMistake } from '../addresses/ranges.ts'
import { at, defineCheck, type AddressTest, type CheckTools } from '../core/check.ts'
import { mistake } from '../core/fields.ts'
import { pass, refuse } from '../core/verdict.ts'

const source = z.string().superRefine((text, context) => {
  if (/^@[a-z0-9][a-z0-9-]*$/.test(text)) return
  const fault = text.startsWith('@') ? noFeed(text) : parseRange(text)
  if ('mend' in fault) context.addIssue(mistake(fault.what, fault.mend))
})

function noFeed(text: string): RangeMistake {
  return { what: `${JSON.stringify(text)} is no name of a feed`, mend: 'write `@` and its name in small letters, "@stripe"' }
}

/**
 * Does the delivery come from an address that this route lists? Asked before the TLS handshake, too, wherever the
 * address is known by then: where no route could say yes, there is no handshake.
 */
export const from = defineCheck({
  key: 'from',
  authenticates: true,
  schema: z.array(source).min(1)
    .describe('Addresses, ranges in CIDR form and named feeds (`@stripe`); one that holds the address is enough.'),
  reasons: {
    'source-not-allowed': { status: 403, title: 'The source address is not allowed' },
  },
  compile(sources, tools) {
    const tests = compileSources(sources, tools)
    return [
      at('connection', ({ from: source }) => {
        for (const test of tests) {
          const held = test(source)
          if (held !== undefined) return pass({ address: source.text, range: held })
        }
        return refuse('source-not-allowed', { address: source.text })
      }),
    ]
  },
})

/** One question for everything written out, and one for each feed: a feed may change while the route stands. */
function compileSources(sources: readonly string[], tools: CheckTools): readonly AddressTest[] {
  const written = compileRanges(sources.filter((source) => !source.startsWith('@')))
  const feeds = sources.flatMap((source, index) => (source.startsWith('@') ? findFeed(source.slice(1), index, tools) : []))
  return [written, ...feeds]
}

function findFeed(name: string, index: number, { feed, problem }: CheckTools): readonly AddressTest[] {
  if (feed === undefined) {
    problem([index], 'there are no feeds here', 'write the ranges themselves')
    return []
  }
  const test = feed(name, [index])
  return test === undefined ? [] : [test]
}
