import { z } from 'zod'
import { decode } from '../encoding.ts'
import { newTree, readJson, want } from '../json.ts'

/** The JSON inside a token, before it is handed to `jose`: read in one way, or not at all. */

/** What of a JOSE header is looked at here. `jku`, `x5u`, `jwk` and `x5c` are not: a sender does not choose who vouches for it. */
const headerSchema = z.looseObject({ alg: z.string(), kid: z.string().optional(), b64: z.boolean().optional() })
export type TokenHeader = z.output<typeof headerSchema>

const headerNames = ['alg', 'kid', 'b64', 'crit', 'typ'] as const

/** Undefined: no JSON of that form in canonical base64url, or a name in it that stands twice. */
export function readHeader(segment: string): TokenHeader | undefined {
  const parsed = headerSchema.safeParse(readSegment(segment, headerNames))
  return parsed.success ? parsed.data : undefined
}

/** A segment as JSON; undefined where one of these names stands twice in it: another parser would take the other value. */
export function readSegment(segment: string, names: readonly string[]): unknown {
  const bytes = decode(segment, 'base64url')
  if (bytes === undefined) return undefined
  const tree = newTree()
  for (const name of names) want(tree, [name])
  if (typeof readJson(bytes, tree) === 'string') return undefined
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined // our reader looks into no string that it does not read; this one does
  }
}
