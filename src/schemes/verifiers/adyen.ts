import type { KeyObject } from 'node:crypto'
import { z } from 'zod'
import { refuse, type Refuse, type Verdict } from '../../core/verdict.ts'
import type { SecretAlgorithm } from '../algorithms/algorithm.ts'
import { algorithm } from '../algorithms/index.ts'
import { bytesOf } from '../encoding.ts'
import { newTree, readJson, want, type JsonScalar } from '../json.ts'
import { compileProof, decodeSignature } from '../proof.ts'
import type { Verifiable } from '../reading.ts'
import type { PreparedKey } from '../scheme-keys.ts'
import type { SignatureReason } from '../scheme.ts'
import type { Stamp, Unsigned } from '../sign.ts'
import { defineVerifier, malformedAt, ownSecret, proven, secretsFor, type Watch } from './verifier.ts'

const settings = z.strictObject({
  kind: z.literal('adyen').describe('Adyen standard notifications: each item of the body carries its own HMAC over eight of its fields.'),
})

const keyForm = { form: 'hex', atLeast: 16 } as const

/** More than one notification was ever seen to hold. */
const mostItems = 100
const hmac = algorithm('hmac-sha256') as SecretAlgorithm
const proves = compileProof(hmac, 'base64')

const signedFields = [
  'pspReference', 'originalReference', 'merchantAccountCode', 'merchantReference', 'amount.value', 'amount.currency', 'eventCode', 'success',
]

/** Where the fields of each item are; read in one pass that refuses a key that stands there twice. */
const tree = newTree()
const items = Array.from({ length: mostItems }, (_, at) => {
  const place = (field: string) => want(tree, ['notificationItems', String(at), 'NotificationRequestItem', ...field.split('.')])
  return { signature: place('additionalData.hmacSignature'), fields: signedFields.map(place) }
})

const bodySchema = z.looseObject({ notificationItems: z.array(z.object({ NotificationRequestItem: z.looseObject({}) })).min(1).max(mostItems) })

/** Did Adyen sign every item? The fields that it does not cover stay unproven. */
export const adyen = defineVerifier({
  settings,
  headers: () => [],
  facts: () => ({ timestamped: false, window: undefined, signsId: false }),
  compile(_, tools) {
    const keys = secretsFor(tools, keyForm)
    return keys && ((delivery) => verify(keys, delivery, tools.watch))
  },
  sign(_, tools) {
    const key = ownSecret(tools, keyForm)
    return key && ((unsigned) => signItems(unsigned, key))
  },
})

/** Fills in the signature of each item; a body that holds none becomes a notice of a payment. */
function signItems({ body, id }: Unsigned, key: KeyObject): Stamp {
  const whole = parseBody(body) ?? sample(id)
  const places = whole.notificationItems.map((_, at) => (items[at] as typeof items[number]).fields)
  const values = readJson(Buffer.from(JSON.stringify(whole)), tree)
  if (typeof values === 'string') throw new Error(`cannot sign: the body ${values}`)
  const signatures = places.map((fields) => hmac.digest([signedText(fields, values)], key, 'base64'))
  const signed = whole.notificationItems.map(({ NotificationRequestItem: item }, at) => ({
    NotificationRequestItem: { ...item, additionalData: { ...item['additionalData'] as object | undefined, hmacSignature: signatures[at] } },
  }))
  return { headers: [], query: undefined, body: Buffer.from(JSON.stringify({ ...whole, notificationItems: signed })), marks: { signature: signatures[0] ?? '' } }
}

function sample(pspReference: string): z.output<typeof bodySchema> {
  const item = {
    pspReference, merchantAccountCode: 'TestMerchant', merchantReference: 'TestPayment-1', amount: { value: 1130, currency: 'EUR' },
    eventCode: 'AUTHORISATION', success: 'true',
  }
  return { live: 'false', notificationItems: [{ NotificationRequestItem: item }] }
}

/** Undefined: not a body of this form. Our own reader looks into no string that it does not read, so that what it took may be no JSON here. */
function parseBody(body: Uint8Array): z.output<typeof bodySchema> | undefined {
  try {
    const parsed = bodySchema.safeParse(JSON.parse(Buffer.from(body).toString('utf8')))
    return parsed.success ? parsed.data : undefined
  } catch {
    return undefined
  }
}

function signedText(fields: readonly number[], values: readonly (JsonScalar | undefined)[]): string {
  return fields.map((field) => values[field]?.text ?? '').join(':')
}

function verify(keys: readonly PreparedKey[], { body }: Verifiable, watch?: Watch): Verdict<SignatureReason> {
  const values = readJson(body, tree)
  if (typeof values === 'string') return malformedAt('body', values)
  const count = parseBody(body)?.notificationItems.length
  if (count === undefined) return refuse('signature-missing', { where: 'JSON field notificationItems' })
  const material: Uint8Array[] = []
  let matched = ''
  for (const { signature, fields } of items.slice(0, count)) {
    const message = signedText(fields, values)
    watch?.signed({
      where: 'JSON field additionalData.hmacSignature', algorithm: hmac.name, spelling: 'base64', texts: [values[signature]?.text ?? ''], message: [message], keys,
    })
    const found = proveItem(keys, message, values[signature]?.text)
    if (typeof found !== 'string') return found
    matched = found
    material.push(bytesOf(`${message}\n`))
  }
  return proven({ material, at: undefined, id: undefined, key: matched })
}

function proveItem(keys: readonly PreparedKey[], message: string, signature: string | undefined): string | Refuse<SignatureReason> {
  if (signature === undefined) return refuse('signature-missing', { where: 'JSON field additionalData.hmacSignature' })
  const key = keys.find(({ object }) => proves([message], object, [signature]))
  if (key !== undefined) return key.reference
  const readable = decodeSignature(hmac, 'base64', signature) !== undefined
  return readable ? refuse('signature-mismatch', { keys: keys.length }) : malformedAt('JSON field additionalData.hmacSignature', 'is not spelled as the scheme asks')
}
