import { at, defineCheck, type Asked, type CheckTools, type KeyPath } from '../core/check.ts'
import { StoreUnavailable, storeReasons } from '../core/nonce.ts'
import type { SchemeFacts } from '../core/signing.ts'
import { checkTime, type Window } from '../core/time-window.ts'
import { pass, refuse, type Verdict } from '../core/verdict.ts'
import { compileScheme, decidingHeadersOf } from '../schemes/compile.ts'
import { createKeyFetcher } from '../schemes/fetched-keys.ts'
import type { SchemeDocument } from '../schemes/document.ts'
import { nearestPresets, presetParameters, resolvePreset } from '../schemes/presets.ts'
import type { Verifiable } from '../schemes/reading.ts'
import { schemeFacts } from '../schemes/scheme-facts.ts'
import { isShortSecret, type SchemeKeys, type WrittenKey } from '../schemes/scheme-keys.ts'
import type { Scheme, SignatureReason } from '../schemes/scheme.ts'
import { documentOf, parametersOf, signatureSettings, type SignatureSettings } from '../schemes/settings.ts'
import { handedOver, takesSecret, type HandedOver } from './handed-over.ts'

/**
 * Did the sender sign this delivery, and lately? This check alone raises `timestamp-expired` and `timestamp-in-future`:
 * within the route's `replay.window`, or else within the tolerance that the sender documents, so that a signed time
 * counts also where a route names no `replay`. The replay check only remembers.
 */
export const signature = defineCheck({
  key: 'signature',
  authenticates: true,
  schema: signatureSettings,
  reasons: {
    'signature-missing': { status: 401, title: 'The delivery is not signed' },
    'signature-malformed': { status: 401, title: 'The signature cannot be read' },
    'signature-mismatch': { status: 401, title: 'The signature does not match' },
    'key-unknown': { status: 401, title: 'The signature names a key that is not known here' },
    'digest-mismatch': { status: 401, title: 'The body does not match its signed digest' },
    'timestamp-missing': { status: 401, title: 'The delivery does not say when it was signed' },
    'timestamp-malformed': { status: 401, title: 'The time of signing cannot be read' },
    'timestamp-expired': { status: 401, title: 'The delivery was signed too long ago' },
    'timestamp-in-future': { status: 401, title: 'The delivery was signed in the future' },
    ...storeReasons,
  },
  compile(settings, tools): readonly Asked<Reason>[] {
    const document = findDocument(settings, tools)
    if (document === undefined) return []
    const keys = readKeys(settings, document, tools)
    if (keys === undefined) return []
    const options = { publicUrl: settings.publicUrl, fetcher: createKeyFetcher(tools.clock, tools.get) }
    const compile = (all: SchemeKeys) => compileScheme(document, all, options, ({ path, what, mend }) => tools.problem(path, what, mend))
    const takes = takesSecret(document, tools)
    const scheme = takes && keys.secrets.length === 0 ? undefined : compile(keys)
    if (scheme === undefined && !takes) return []
    const verify = takes ? withHandedOver(scheme, keys, compile, handedOver(tools)) : scheme?.verify
    const facts = schemeFacts(document)
    const asked = verify === undefined ? [] : questions(verify, facts, routeWindow(tools) ?? facts.window)
    if (scheme !== undefined) for (const { ask } of asked) details.set(ask, { scheme, keys, publicUrl: settings.publicUrl })
    return asked
  },
  reads(settings) {
    const document = documentOf(settings)
    return document === undefined ? [] : decidingHeadersOf(document)
  },
})

type Reason = SignatureReason | 'store-unavailable'

/** What a question about a signature was compiled from: for `explain`, which tries what else could have been meant. */
export interface SignatureDetail {
  readonly scheme: Scheme
  readonly keys: SchemeKeys
  readonly publicUrl: string | undefined
}

const details = new WeakMap<Asked['ask'], SignatureDetail>()

/** Undefined for the questions of other checks. */
export function signatureDetailOf({ ask }: Pick<Asked, 'ask'>): SignatureDetail | undefined {
  return details.get(ask)
}

type Verify = (delivery: Verifiable) => Verdict<Reason> | Promise<Verdict<Reason>>

/** Verifies with the secret that the sender handed over, too, once it did. */
function withHandedOver(
  written: Scheme | undefined, keys: SchemeKeys, compile: (keys: SchemeKeys) => Scheme | undefined, secret: HandedOver,
): Verify {
  let ready: Scheme | undefined
  return async (delivery) => {
    try {
      const bytes = ready === undefined ? await secret.read() : undefined
      if (bytes !== undefined) ready = compile({ ...keys, secrets: [...keys.secrets, { reference: 'handed over', id: undefined, bytes, path: [] }] })
    } catch (error) {
      if (error instanceof StoreUnavailable) return refuse('store-unavailable', { fault: error.message })
      throw error
    }
    const scheme = ready ?? written
    return scheme === undefined ? refuse('key-unknown', { why: 'no secret was handed over yet' }) : await scheme.verify(delivery)
  }
}

function questions(verify: Verify, facts: SchemeFacts, window: Window | undefined): Asked<Reason>[] {
  const proof = at('signature', verify)
  if (!facts.timestamped || window === undefined) return [proof]
  return [proof, at('time', ({ at: now, signed: { at: signedAt } }) => {
    if (signedAt === undefined) return refuse('timestamp-missing')
    const late = checkTime(signedAt, now, window)
    const facts = { age: now - signedAt, past: window.past, future: window.future }
    return late === undefined ? pass(facts) : refuse(late, facts)
  })]
}

/** `replay.window` of the same route: one length, to both sides. */
function routeWindow(tools: CheckTools): Window | undefined {
  const replay = tools.neighbour('replay')
  if (typeof replay !== 'object' || replay === null || !('window' in replay) || typeof replay.window !== 'number') return undefined
  return { past: replay.window, future: replay.window }
}

function findDocument(settings: SignatureSettings, tools: CheckTools): SchemeDocument | undefined {
  const { preset, scheme } = settings
  const written = Object.keys(parametersOf(settings))
  if ((preset === undefined) === (scheme === undefined)) {
    tools.problem([], 'a signature has either preset or scheme', 'write preset: NAME, or the scheme itself')
    return undefined
  }
  if (preset === undefined) {
    for (const name of written) tools.problem([name], 'is a parameter of presets', 'write it inside scheme')
    return written.length === 0 ? scheme : undefined
  }
  return findPreset(preset, settings, tools)
}

function findPreset(preset: string, settings: SignatureSettings, tools: CheckTools): SchemeDocument | undefined {
  const resolved = resolvePreset(preset, parametersOf(settings))
  if (resolved === undefined) {
    const near = nearestPresets(preset)
    const mend = near.length === 0 ? '`sallyport presets` lists them' : `write ${near.join(', ')}; \`sallyport presets\` lists all`
    tools.problem(['preset'], `there is no preset ${JSON.stringify(preset)}`, mend)
    return undefined
  }
  if ('document' in resolved) return resolved.document
  for (const name of resolved.unknown) tools.problem([name], `preset ${preset} takes no ${name}`, 'leave it out, or use preset hmac')
  for (const name of resolved.missing) tools.problem([], `preset ${preset} needs ${name}`, `write ${name}: ${presetParameters(preset)[name]?.about}`)
  if (resolved.invalid !== undefined) tools.problem([], resolved.invalid, `see \`sallyport presets ${preset}\``)
  return undefined
}

/** Everything in `secrets` and `keys`; undefined once a problem was reported. */
function readKeys(settings: SignatureSettings, document: SchemeDocument, tools: CheckTools): SchemeKeys | undefined {
  const secrets = (settings.secrets ?? []).map((entry, index) => {
    const [id, reference] = typeof entry === 'string' ? [undefined, entry] : [entry.id, entry.secret]
    return readKey(reference, id, ['secrets', index], tools)
  })
  const keys = (settings.keys ?? []).map((entry, index) => {
    const [id, reference] = typeof entry === 'string' ? [undefined, entry] : [entry.id, entry.key]
    return readKey(reference, id, ['keys', index], tools)
  })
  const read = { secrets: secrets.filter((key) => key !== undefined), keys: keys.filter((key) => key !== undefined) }
  const complete = read.secrets.length === secrets.length && read.keys.length === keys.length
  const long = settings.shortSecrets === 'allow' || refuseShort(read.secrets, document, tools)
  return complete && long ? read : undefined
}

function readKey(reference: string, id: string | undefined, path: KeyPath, tools: CheckTools): WrittenKey | undefined {
  const bytes = tools.secret(reference, path)
  return bytes && { reference: shown(reference, path), id, bytes, path }
}

/** A literal secret is a secret: it is called by its place. */
function shown(reference: string, path: KeyPath): string {
  return reference.startsWith('literal:') ? `literal:${path.join('.')}` : reference
}

/**
 * A secret that can be guessed signs for everybody: a variable that is set to `changeme` must not pass unseen. One that is
 * written out (`literal:`) is seen by whoever reads the file, as in tests. An empty one is refused by the scheme itself.
 */
function refuseShort(secrets: readonly WrittenKey[], document: SchemeDocument, tools: CheckTools): boolean {
  const short = secrets.filter(({ reference, bytes }) => !reference.startsWith('literal:') && isShortSecret(document, bytes))
  for (const { path, reference } of short) {
    tools.problem(path, `${reference} is shorter than 16 bytes`, 'give the sender a longer one, or say shortSecrets: allow')
  }
  return short.length === 0
}
