import { z } from 'zod'
import { adyen } from './adyen.ts'
import { braintree } from './braintree.ts'
import { cavage } from './cavage.ts'
import { contentful } from './contentful.ts'
import { jwsDetached } from './jws-detached.ts'
import { jwt } from './jwt.ts'
import { mercadoPago } from './mercado-pago.ts'
import { paypal } from './paypal.ts'
import { plivoV3 } from './plivo-v3.ts'
import { rfc9421 } from './rfc9421.ts'
import { sns } from './sns.ts'
import { twilio } from './twilio.ts'
import type { Verifier } from './verifier.ts'

/** Every built-in verifier, by its `kind`. A new one is one new file, and its two lines here. */
const verifiers = {
  adyen, braintree, cavage, contentful, 'jws-detached': jwsDetached, jwt, 'mercado-pago': mercadoPago, paypal, 'plivo-v3': plivoV3, rfc9421, sns,
  twilio,
}

/** What a document writes under `verifier`. */
export const verifierSchema = z.discriminatedUnion('kind', [
  adyen.settings, braintree.settings, cavage.settings, contentful.settings, jwsDetached.settings, jwt.settings, mercadoPago.settings,
  paypal.settings, plivoV3.settings, rfc9421.settings, sns.settings, twilio.settings,
])
export type VerifierDocument = z.output<typeof verifierSchema>

export function verifierOf({ kind }: VerifierDocument): Verifier {
  return verifiers[kind]
}
