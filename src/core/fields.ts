import { z } from 'zod'
import { parseDuration, parseSize } from './units.ts'

/** Fields that several schemas share. What they take is text; what they give is compiled. */

/** `250ms 10s 5m 24h 7d` → milliseconds. */
export const duration = quantity(parseDuration, 'a duration', '250ms, 10s, 5m, 24h or 7d')

/** `16KiB 1MiB` → bytes. */
export const size = quantity(parseSize, 'a size', '512B, 16KiB, 1MiB or 2GiB')

function quantity(parse: (text: string) => number | undefined, kind: string, examples: string) {
  return z.string().transform((text, context) => {
    const value = parse(text)
    if (value !== undefined) return value
    context.addIssue(mistake(`${JSON.stringify(text)} is not ${kind}`, `write ${examples}`))
    return z.NEVER
  })
}

/** A zod issue that says what is wrong and the mend; the configuration loader prints both. */
export function mistake(what: string, mend: string): { code: 'custom'; message: string; params: { mend: string } } {
  return { code: 'custom', message: what, params: { mend } }
}
