import type { SchemeFacts } from '../core/signing.ts'
import type { SchemeDocument } from './document.ts'
import { verifierOf } from './verifiers/index.ts'

/** What the replay check has to know of a document. */
export function schemeFacts({ timestamp, id, retain, retries, verifier }: SchemeDocument): SchemeFacts {
  if (verifier !== undefined) return { ...verifierOf(verifier).facts(verifier), retain, retries }
  const past = timestamp?.past
  return {
    timestamped: timestamp !== undefined,
    window: past === undefined ? undefined : { past, future: timestamp?.future ?? past },
    retain,
    retries,
    signsId: id !== undefined,
  }
}
