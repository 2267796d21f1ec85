import { algorithm } from './algorithms/index.ts'
import { withoutSecret } from './algorithms/algorithm.ts'
import { spell } from './proof.ts'
import type { Verifiable } from './reading.ts'
import type { Inspection } from './scheme.ts'
import type { Looked, Verify, Watch } from './verifiers/verifier.ts'

/**
 * A built-in verifier, watched while it judges: what it read, and what would have been right. Of several strings to sign (the
 * spellings of a URL, the items of a notification) the first is shown as what was signed, and each says what it expects.
 */
export function compileWatched(compile: (watch: Watch) => Verify | undefined): ((delivery: Verifiable) => Promise<Inspection>) | undefined {
  let seen = nothing()
  const verify = compile({
    signed: (looked) => seen.looked.push(looked),
    compared: (what, found, expected) => seen.compared.push({ what, found, expected }),
  })
  if (verify === undefined) return undefined
  return async (delivery) => {
    seen = nothing()
    const { looked, compared } = seen
    const refusal = await refusalOf(verify, delivery)
    const [first] = looked
    return {
      refusal, compared, material: first === undefined ? [] : withoutSecret(first.message), timestamp: first?.timestamp, id: first?.id,
      found: looked.slice(0, 1).map(({ where, algorithm: name, texts }) => ({ where, algorithm: name, texts })), expected: looked.flatMap(expectedOf),
    }
  }
}

interface Seen { readonly looked: Looked[]; readonly compared: Inspection['compared'][number][] }

function nothing(): Seen {
  return { looked: [], compared: [] }
}

/** A key that cannot be fetched (there is no network here) is nothing to say about the signature. */
async function refusalOf(verify: Verify, delivery: Verifiable): Promise<Inspection['refusal']> {
  try {
    const verdict = await verify(delivery)
    return verdict.verdict === 'refuse' ? verdict : undefined
  } catch {
    return undefined
  }
}

/** What each secret would have signed; nothing for public keys. */
function expectedOf({ where, algorithm: name, spelling, message, keys = [] }: Looked): Inspection['expected'] {
  const row = algorithm(name)
  if (row?.keys !== 'secret') return []
  return keys.map(({ reference, object }) => ({ key: reference, where, text: spell(row, spelling, message, object) }))
}
