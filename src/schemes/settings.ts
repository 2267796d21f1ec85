import { z } from 'zod'
import { hmacs } from './algorithms/hmac.ts'
import { schemeSchema, type SchemeDocument } from './document.ts'
import { encodings } from './encoding.ts'
import { resolvePreset, type Parameters } from './presets.ts'
import { headerName } from './source.ts'

/** What a route writes under `signature:`. */

const reference = z.string().min(1)

/** What some presets ask of the operator; each preset says in its `parameters` which of them it takes. */
const parameterFields = {
  header: headerName.optional().describe('Where the preset takes it: the header of the signature.'),
  algorithm: z.enum(hmacs.map(({ name }) => name)).optional().describe('Where the preset takes it: the algorithm, such as `hmac-sha256`.'),
  encoding: z.enum(encodings).optional().describe('Where the preset takes it: `hex`, `base64` or `base64url`.'),
  prefix: z.string().min(1).optional().describe('Where the preset takes it: what stands before the signature, such as `sha256=`.'),
  template: z.string().min(1).optional().describe('Where the preset takes it: what is signed, such as `{header:x-timestamp}.{body}`.'),
  audience: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]).optional().describe('Where the preset takes it: for whom a token must be, mostly the URL.'),
  basePath: z.string().min(1).optional().describe("Where the preset takes it: the path of the app's base URL, which the signature leaves out."),
  issuer: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]).optional().describe('Where the preset takes it: who may have issued a token.'),
  email: z.string().min(1).optional().describe("Where the preset takes it: the sender's service account."),
  topics: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]).optional().describe('Where the preset takes it: the topics that may send, by ARN.'),
  versions: z.array(z.string().min(1)).min(1).optional().describe('Where the preset takes it: the signature versions that are taken.'),
  webhookId: z.string().min(1).optional().describe("Where the preset takes it: the webhook's id at the sender."),
  covered: z.array(z.string().min(1)).optional().describe('Where the preset takes it: what a signature must cover at least.'),
}

export const signatureSettings = z.strictObject({
  preset: z.string().min(1).optional().describe('The sender: a name that `sallyport presets` lists.'),
  scheme: schemeSchema.optional().describe('How the sender signs, written out, in place of `preset`.'),
  secrets: z.array(z.union([reference, z.strictObject({
    id: z.string().min(1).describe("The sender's name for this secret."),
    secret: reference.describe('`env:NAME`, `file:PATH` or `literal:TEXT`.'),
  })])).optional().describe('The shared secrets by reference: `env:NAME`, `file:PATH`. Several while they are rotated.'),
  keys: z.array(z.union([reference, z.strictObject({
    id: z.string().min(1).describe("The sender's name for this key."),
    key: reference.describe('`file:PATH`, `env:NAME` or `literal:TEXT`.'),
  })])).optional().describe("The sender's public keys by reference, in the form that the preset states."),
  publicUrl: z.string().min(1).optional()
    .describe('The URL as the sender knows it, where the URL is signed. `https://hooks.example.com/*` takes the path of the request.'),
  shortSecrets: z.literal('allow').optional().describe('Takes secrets of less than 16 bytes, for senders that give out no longer ones.'),
  ...parameterFields,
})
export type SignatureSettings = z.output<typeof signatureSettings>

/** The parameters that were written for the preset. */
export function parametersOf(settings: SignatureSettings): Parameters {
  const names = Object.keys(parameterFields) as (keyof typeof parameterFields)[]
  return Object.fromEntries(names.flatMap((name) => (settings[name] === undefined ? [] : [[name, settings[name]]])))
}

/** The scheme that the settings mean; undefined where they name none that exists and is complete. */
export function documentOf(settings: SignatureSettings): SchemeDocument | undefined {
  if (settings.scheme !== undefined) return settings.scheme
  const resolved = settings.preset === undefined ? undefined : resolvePreset(settings.preset, parametersOf(settings))
  return resolved !== undefined && 'document' in resolved ? resolved.document : undefined
}
