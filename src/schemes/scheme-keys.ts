import type { KeyObject } from 'node:crypto'
import type { KeyPath } from '../core/check.ts'
import { algorithm } from './algorithms/index.ts'
import type { SchemeDocument } from './document.ts'
import { formOf, isShort, publicKey, secretKey } from './keys.ts'
import { signaturesOf, type Report, type SchemePlan, type SignaturePlan } from './plan.ts'

/** What `secrets` and `keys` of a route hold. */
export interface SchemeKeys {
  readonly secrets: readonly WrittenKey[]
  readonly keys: readonly WrittenKey[]
}

/** A secret or a public key as it stands behind its reference. */
export interface WrittenKey {
  /** The reference (`env:STRIPE_SECRET`): what audit and `explain` call it. */
  readonly reference: string
  /** The sender's name for it, where the scheme names keys. */
  readonly id: string | undefined
  readonly bytes: Uint8Array
  /** Where it stands, below `signature:`. */
  readonly path: KeyPath
}

/** A key that is ready to be asked. */
export interface PreparedKey { readonly reference: string; readonly id: string | undefined; readonly object: KeyObject }

/** The keys of each signature. Undefined once a problem was reported. */
export function prepareKeys(plan: SchemePlan, keys: SchemeKeys, report: Report): readonly (readonly PreparedKey[])[] | undefined {
  let sound = checkKinds(plan, keys, report)
  const reportOnce: Report = (problem) => {
    sound = false
    report(problem)
  }
  const ready = plan.signatures.map((signature) => writtenFor(signature, keys).flatMap((written) => {
    const key = prepare(signature, written)
    if (typeof key !== 'string') return checkId(plan, written, reportOnce) ? [{ reference: written.reference, id: written.id, object: key }] : []
    reportOnce({ path: written.path, what: `${written.reference} ${key}`, mend: `give the key as the sender shows it (${signature.form.form})` })
    return []
  }))
  return sound ? ready : undefined
}

function writtenFor({ algorithm }: SignaturePlan, keys: SchemeKeys): readonly WrittenKey[] {
  return algorithm.keys === 'secret' ? keys.secrets : keys.keys
}

/** The key, or what is wrong with it. */
function prepare({ algorithm, form }: SignaturePlan, { bytes }: WrittenKey): KeyObject | string {
  const key = algorithm.keys === 'secret' ? secretKey(form, bytes) : publicKey(form, bytes)
  if ('unusable' in key) return key.unusable
  return algorithm.keys === 'secret' ? key : algorithm.unfit(key) ?? key
}

function checkId({ keyId }: SchemePlan, written: WrittenKey, report: Report): boolean {
  if (keyId === undefined || written.id !== undefined) return true
  report({ path: written.path, what: `the sender names its keys in the ${keyId.name}, and this one has no id`, mend: 'write { id: …, key: … }' })
  return false
}

/** Keys that no signature of the scheme would ever ask are a mistake, and so is having none. */
function checkKinds(plan: SchemePlan, keys: SchemeKeys, report: Report): boolean {
  const kinds = [{ kind: 'secret', list: 'secrets' }, { kind: 'public', list: 'keys' }] as const
  const wrong = kinds.filter(({ kind, list }) => keys[list].length > 0 && plan.signatures.every(({ algorithm }) => algorithm.keys !== kind))
  for (const { list } of wrong) report({ path: [list], what: `this scheme uses no ${list}`, mend: `leave ${list} out` })
  if (wrong.length > 0) return false
  if (keys.secrets.length + keys.keys.length > 0) return true
  const wanted = plan.signatures.some(({ algorithm }) => algorithm.keys === 'secret') ? 'secrets' : 'keys'
  report({ path: [], what: `${wanted} is missing or empty`, mend: `write ${wanted}: ["env:NAME"]` })
  return false
}

/** Has this secret fewer bytes than each use of it asks? An empty or unreadable one is another mistake. */
export function isShortSecret(document: SchemeDocument, bytes: Uint8Array): boolean {
  if (document.verifier !== undefined) return bytes.length > 0 && bytes.length < 16
  const uses = signaturesOf(document).filter((signature) => algorithm(signature.algorithm)?.keys === 'secret')
  return bytes.length > 0 && uses.length > 0 && uses.every(({ key }) => isShort(formOf(key, 'secret'), bytes))
}
