import { readdirSync, readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { z } from 'zod'
import { duration } from '../core/fields.ts'
import { range } from './ranges.ts'

/** The feeds that ship with the project: `config/feeds/NAME.yaml`, found beside `src/` and beside `dist/`. */
const folder = new URL('../../config/feeds/', import.meta.url)

const selection = z.strictObject({
  pointer: z.string().regex(/^(\/.*)?$/, 'a JSON pointer (RFC 6901): empty, or it begins with a slash')
    .describe('Where the list stands in the document; empty: the document is the list.'),
  field: z.string().optional().describe('The field of each member that holds the range; left out: the member is the range.'),
  where: z.record(z.string(), z.string()).default({})
    .describe('Only members whose field is this text, or a list that holds it.'),
})
export type Selection = z.output<typeof selection>

/** Addresses that a sender publishes: as they were on a day, where they are published, and how to read them there. */
export const feedSchema = z.strictObject({
  title: z.string().describe('Whose addresses these are.'),
  url: z.string().regex(/^https:\/\/./, 'a URL that begins with https://').optional().describe('Where the list is published; left out: it is never fetched.'),
  json: z.array(selection).min(1).optional().describe('The lists within a JSON document; left out: one range a line.'),
  refresh: duration.prefault('24h').describe('How old it may become before it is fetched again.'),
  snapshot: z.strictObject({
    date: z.iso.date().describe('The day on which the list was this.'),
    ranges: z.array(range).min(1),
  }).optional().describe('What holds until it was fetched.'),
}).refine((feed) => feed.url !== undefined || feed.snapshot !== undefined, 'a feed needs a `url` or a `snapshot`')

export type FeedDocument = z.output<typeof feedSchema>

/** Every feed that ships, in alphabetical order. */
export function feedNames(): readonly string[] {
  return readdirSync(folder).filter((file) => file.endsWith('.yaml')).map((file) => file.slice(0, -'.yaml'.length)).sort()
}

/** A feed that ships; undefined where there is none of this name. Throws for a file that is broken itself. */
export function shippedFeed(name: string): FeedDocument | undefined {
  if (!feedNames().includes(name)) return undefined
  return feedSchema.parse(parse(readFileSync(new URL(`${name}.yaml`, folder), 'utf8'), { schema: 'core' }))
}
