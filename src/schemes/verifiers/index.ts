import { z } from 'zod'
import { cavage } from './cavage.ts'
import { jwt } from './jwt.ts'
import { rfc9421 } from './rfc9421.ts'
import type { Verifier } from './verifier.ts'

/** Every built-in verifier, by its `kind`. A new one is one new file, and its two lines here. */
const verifiers = { cavage, jwt, rfc9421 }

/** What a document writes under `verifier`. */
export const verifierSchema = z.discriminatedUnion('kind', [
  cavage.settings, jwt.settings, rfc9421.settings,
])
export type VerifierDocument = z.output<typeof verifierSchema>

export function verifierOf({ kind }: VerifierDocument): Verifier {
  return verifiers[kind]
}
