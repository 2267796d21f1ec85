import { keccak_256, sha3_256 } from '@noble/hashes/sha3.js'
import { mac, milliseconds, seal, seconds } from './parcel.ts'
import { inOne, overBody, sender, stamped, standard, token, tAndV1, type Sender } from './shapes.ts'

/** `serialize()` of PHP for an array of strings, sorted by its keys. */
function php(fields: Readonly<Record<string, string>>): string {
  const item = (text: string) => `s:${Buffer.byteLength(text)}:"${text}";`
  const keys = Object.keys(fields).sort()
  return `a:${keys.length}:{${keys.map((key) => item(key) + item(fields[key] as string)).join('')}}`
}

/** Payments, billing and finance. */
export const payments: Record<string, Sender> = {
  'adyen-platform': overBody('HmacSignature', { as: 'base64', key: 'hex' }),
  'affirm': inOne('X-Affirm-Signature', (time, proof) => `t=${time},v0=${proof}`, seconds, undefined, { hash: 'sha512' }),
  'airwallex': stamped('x-signature', 'x-timestamp', milliseconds, ({ body }, time) => [time, body]),
  'alchemy': overBody('X-Alchemy-Signature'),
  'authorize-net': sender(
    (parcel) => ({ 'X-ANET-Signature': `sha512=${mac(parcel, 'sha512', 'hex', parcel.body).toUpperCase()}` }), { key: 'hex' },
  ),
  'checkout': overBody('Cko-Signature'),
  'coinbase-commerce': overBody('X-CC-Webhook-Signature'),
  'coinify': overBody('x-coinify-webhook-signature'),
  'dwolla': overBody('X-Request-Signature-SHA-256'),
  'ebay': sender((parcel) => ({
    'X-EBAY-SIGNATURE': Buffer.from(JSON.stringify({
      alg: 'ecdsa', kid: parcel.keyId, signature: seal(parcel, 'sha1', 'base64', parcel.body), digest: 'SHA1',
    })).toString('base64'),
  }), { key: 'p256-pem' }),
  'fireblocks-v1': sender((parcel) => ({ 'Fireblocks-Signature': seal(parcel, 'sha512', 'base64', parcel.body) }), { key: 'rsa' }),
  'gocardless': overBody('Webhook-Signature'),
  'lemon-squeezy': overBody('X-Signature'),
  'metronome': stamped('Metronome-Webhook-Signature', 'X-Metronome-Date', ({ at }) => new Date(at).toUTCString(), ({ body }, time) => [time, '\n', body]),
  'moralis': sender((parcel) => ({
    'x-signature': `0x${Buffer.from((parcel.wrongly ? sha3_256 : keccak_256)(Buffer.concat([parcel.body, parcel.key.bytes]))).toString('hex')}`,
  })),
  'modern-treasury': overBody('X-Signature'),
  'mollie': overBody('X-Mollie-Signature', { before: 'sha256=' }),
  'orb': stamped('X-Orb-Signature', 'X-Orb-Timestamp', ({ at }) => new Date(at).toISOString().replace('Z', '123'), ({ body }, time) => [`v1:${time}:`, body], { before: 'v1=' }),
  'paddle': inOne('Paddle-Signature', (time, proof) => `ts=${time};h1=${proof}`, seconds, ({ body }, time) => [time, ':', body]),
  'paddle-classic': sender(() => ({}), {
    key: 'rsa',
    covers: 'form',
    body: (parcel) => {
      const fields = { alert_name: 'payment_succeeded', customer_name: 'Jürgen "J" Möller', alert_id: parcel.id, empty: '' }
      return new URLSearchParams({ ...fields, p_signature: seal(parcel, 'sha1', 'base64', php(fields)) }).toString()
    },
  }),
  'paystack': overBody('x-paystack-signature', { hash: 'sha512' }),
  'polar': standard('webhook', 'text'),
  'razorpay': overBody('X-Razorpay-Signature'),
  'recurly': inOne('recurly-signature', (time, proof) => `${time},${proof}`),
  'revenuecat': token('Authorization'),
  'revenuecat-signed': inOne('X-RevenueCat-Webhook-Signature', tAndV1),
  'square': sender((parcel) => ({ 'x-square-hmacsha256-signature': mac(parcel, 'sha256', 'base64', parcel.url, parcel.body) })),
  'stripe': inOne('Stripe-Signature', tAndV1),
  'wise': sender((parcel) => ({ 'X-Signature-SHA256': seal(parcel, 'sha256', 'base64', parcel.body) }), { key: 'rsa' }),
  'worldline': sender((parcel) => ({ 'X-GCS-KeyId': parcel.keyId, 'X-GCS-Signature': mac(parcel, 'sha256', 'base64', parcel.body) })),
}
