import type { Check } from '../core/check.ts'
import { basic } from './basic.ts'
import { bearer } from './bearer.ts'
import { certificate } from './certificate.ts'
import { challenge } from './challenge.ts'
import { from } from './from.ts'
import { limits } from './limits.ts'
import { rateLimit } from './rate-limit.ts'
import { replay } from './replay.ts'
import { signature } from './signature.ts'

/**
 * Every check, one a key of a route. `decide` asks them by stage; within a stage in the order of this list. A new check
 * is one new file, its test, and one line here, for the auditor to see.
 */
export const checks: readonly Check[] = [
  from,
  certificate,
  rateLimit,
  basic,
  bearer,
  limits,
  challenge,
  signature,
  replay,
]
