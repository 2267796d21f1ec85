import { z } from 'zod'
import { duration } from '../core/fields.ts'
import { algorithms } from './algorithms/index.ts'
import { challengeKinds } from './challenge-kinds.ts'
import { encodings } from './encoding.ts'
import { keySchema } from './keys.ts'
import { sourceFields, sourceSchema } from './source.ts'
import { timeUnits } from './time-text.ts'
import { verifierSchema } from './verifiers/index.ts'

/**
 * The scheme language: how a sender signs, as data. A preset is such a document, and so is what a user writes under
 * `signature: { scheme: … }`.
 */

const algorithmNames = algorithms.map((row) => row.name)

const signatureSchema = z.strictObject({
  ...sourceFields,
  encoding: z.enum([...encodings, 'text']).default('hex')
    .describe('How the signature is spelled. Strict: one canonical spelling; only hex may be in either case. `text` is for tokens.'),
  algorithm: z.enum(algorithmNames).describe('How the message is signed. Fixed here; a sender is never asked which.'),
  key: keySchema.optional().describe('How the secret or key is written. Left out: a secret is text, a public key is PEM.'),
})
export type SignatureDocument = z.output<typeof signatureSchema>

const timestampSchema = z.strictObject({
  ...sourceFields,
  unit: z.enum(timeUnits).default('seconds').describe('How the time is written. `rfc3339` takes up to nine decimals; in `iso8601` the offset may be left out, and means UTC; `epoch` is seconds or milliseconds, by its length.'),
  past: duration.optional().describe('How old a signed time may be. Left out: the sender documents no tolerance, and only `replay.window` checks the time.'),
  future: duration.optional().describe('How far ahead a signed time may be; as much as `past` where it is left out.'),
})

const conditionSchema = z.strictObject({
  ...sourceFields,
  equals: z.array(z.string().min(1)).min(1).describe('What must stand there: one of these texts, exactly.'),
})

const aboutFields = {
  title: z.string().min(1).optional().describe('The sender, as it calls itself.'),
  docs: z.url({ protocol: /^https$/ }).optional().describe("The sender's own page about its signatures."),
  checked: z.string().regex(/^[0-9]{4}-(0[1-9]|1[0-2])$/).optional().describe('Year and month in which that page or code was last read.'),
  verifiedWith: z.enum(['vector', 'sdk', 'document']).optional()
    .describe("How the preset was proven: a published vector, the sender's SDK, or its documentation and an independent implementation."),
  risks: z.array(z.string().min(1)).optional().describe('What the scheme leaves open, one sentence each.'),
  retired: z.boolean().optional().describe('The sender is gone or signs otherwise today.'),
}

const signingFields = {
  signature: z.union([signatureSchema, z.array(signatureSchema).min(1).max(8)]).optional()
    .describe('Where a signature stands and how it is made. Of several, any one that proves the message passes.'),
  message: z.string().min(1).max(2000).optional()
    .describe('What is signed: text with placeholders such as `{timestamp}.{body}`. Left out: the body.'),
  fields: z.record(z.string().regex(/^[a-z][a-z0-9-]*$/), sourceSchema).optional()
    .describe('Names for places that no placeholder says by itself; `{field:name}` puts one into the message.'),
  timestamp: timestampSchema.optional().describe('The time of signing. The signature must cover it.'),
  id: sourceSchema.optional().describe("The delivery's id. The signature must cover it."),
  keyId: sourceSchema.optional().describe('Where the sender names its key; each of `secrets` or `keys` then carries an `id`.'),
  require: z.array(conditionSchema).max(8).optional().describe('What else must stand there, such as a version. Not proven by itself.'),
  verifier: verifierSchema.optional().describe('A built-in verifier, for what this language cannot say; in place of `signature`.'),
}

const repeatingFields = {
  retries: z.enum(['resign', 'repeat', 'none']).default('none')
    .describe('What a retry of the sender does: sign anew, repeat the same bytes, or nothing (also where nothing is known of it).'),
  retain: duration.default(259_200_000).describe('For how long the sender may send the same delivery again.'),
  challenge: z.enum(challengeKinds).optional().describe("How the sender's handshake is answered, where the route allows it."),
}

const shape = { ...aboutFields, ...signingFields, ...repeatingFields }

/** What a user writes, and what a preset is after `extends` and parameters were worked in. */
export const schemeSchema = z.strictObject(shape).superRefine((document, context) => {
  if ((document.signature === undefined) === (document.verifier === undefined)) {
    context.addIssue({ code: 'custom', message: 'a scheme has either `signature` or `verifier`', params: { mend: 'write one of the two' } })
  }
})
export type SchemeDocument = z.output<typeof schemeSchema>
/** As it is written: durations as text, defaults left out. */
export type SchemeInput = z.input<typeof schemeSchema>
