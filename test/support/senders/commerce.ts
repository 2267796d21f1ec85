import { createHash } from 'node:crypto'
import { digest, iso, mac, milliseconds, seal, seconds, type Parcel } from './parcel.ts'
import { inOne, overBody, sender, stamped, token, tAndV1, type Sender } from './shapes.ts'

const hubspot = (version: string, parts: (parcel: Parcel) => readonly (string | Buffer)[]) => sender((parcel) => ({
  'X-HubSpot-Signature-Version': version, 'X-HubSpot-Signature': digest(parcel, 'sha256', 'hex', ...parts(parcel)),
}))

/** Commerce, CRM, productivity and content. */
export const commerce: Record<string, Sender> = {
  'adobe-sign': token('X-AdobeSign-ClientId'),
  'airtable': overBody('X-Airtable-Content-MAC', { before: 'hmac-sha256=', key: 'base64' }),
  'asana': overBody('X-Hook-Signature'),
  'bigcommerce': token('X-Our-Header', { parameters: { header: 'X-Our-Header' } }),
  'box': sender((parcel) => {
    const time = iso(parcel).replace(/\.[0-9]+Z/, '-00:00')
    return {
      'box-delivery-timestamp': time,
      'box-signature-version': '1',
      'box-signature-algorithm': 'HmacSHA256',
      'box-signature-primary': mac(parcel, 'sha256', 'base64', parcel.body, time),
    }
  }),
  'cal-com': overBody('X-Cal-Signature-256'),
  'calendly': inOne('Calendly-Webhook-Signature', tAndV1),
  'clickup': overBody('X-Signature'),
  'cloudinary': sender((parcel) => ({
    'X-Cld-Timestamp': seconds(parcel), 'X-Cld-Signature': digest(parcel, 'sha1', 'hex', parcel.body, seconds(parcel), parcel.key.bytes),
  })),
  'connectwise': sender((parcel) => ({
    'x-content-signature': mac({ ...parcel, key: { ...parcel.key, bytes: createHash('sha256').update(parcel.key.bytes).digest() } }, 'sha256', 'base64', parcel.body),
  })),
  'deliverect': overBody('x-server-authorization-hmac-sha256'),
  'docusign': overBody('X-DocuSign-Signature-1', { as: 'base64' }),
  'dropbox': overBody('X-Dropbox-Signature'),
  'dropbox-sign': sender(() => ({}), {
    covers: 'less',
    body: (parcel) => `json=${encodeURIComponent(JSON.stringify({
      event: {
        event_time: seconds(parcel), event_type: 'signature_request_signed',
        event_hash: mac(parcel, 'sha256', 'hex', seconds(parcel), 'signature_request_signed'),
      },
    }))}`,
  }),
  'easypost': overBody('X-Hmac-Signature', { before: 'hmac-sha256-hex=' }),
  'figma': sender(() => ({}), { covers: 'less', body: ({ key }) => JSON.stringify({ event_type: 'PING', passcode: key.written }) }),
  'highlevel': sender((parcel) => ({ 'x-wh-signature': seal(parcel, 'sha256', 'base64', parcel.body) }), { key: 'rsa' }),
  'hubspot': stamped('X-HubSpot-Signature-v3', 'X-HubSpot-Request-Timestamp', milliseconds, ({ method, url, body }, time) => [method, url, body, time], { as: 'base64' }),
  'hubspot-v1': hubspot('v1', ({ key, body }) => [key.bytes, body]),
  'hubspot-v2': hubspot('v2', ({ key, method, url, body }) => [key.bytes, method, url, body]),
  'klarna': sender((parcel) => ({ 'Klarna-Signing-Key-Id': parcel.keyId, 'Klarna-Signature': mac(parcel, 'sha256', 'hex', parcel.body) })),
  'klaviyo': stamped('Klaviyo-Signature', 'Klaviyo-Timestamp', iso, ({ body }, time) => [body, time]),
  'linear': sender((parcel) => ({ 'Linear-Signature': mac(parcel, 'sha256', 'hex', parcel.body) }), {
    body: ({ at, id }) => JSON.stringify({ action: 'create', webhookTimestamp: at, webhookId: id }),
  }),
  'lob': stamped('Lob-Signature', 'Lob-Signature-Timestamp', milliseconds, ({ body }, time) => [time, '.', body]),
  'loop-returns': overBody('X-Loop-Signature', { as: 'base64' }),
  'mux': inOne('mux-signature', tAndV1),
  'notion': overBody('X-Notion-Signature', { before: 'sha256=' }),
  'oracle-commerce': overBody('X-Oracle-CC-WebHook-Signature', { hash: 'sha512', as: 'base64' }),
  'pandadoc': sender((parcel) => ({ '?signature': mac(parcel, 'sha256', 'hex', parcel.body) })),
  'quickbooks': overBody('intuit-signature', { as: 'base64' }),
  'sanity': inOne('sanity-webhook-signature', tAndV1, milliseconds, undefined, { as: 'base64url' }),
  'segment': overBody('x-signature', { hash: 'sha1' }),
  'shopify': overBody('X-Shopify-Hmac-Sha256', { as: 'base64' }),
  'squarespace': overBody('Squarespace-Signature', { key: 'hex' }),
  'typeform': overBody('Typeform-Signature', { as: 'base64', before: 'sha256=' }),
  'webflow': stamped('x-webflow-signature', 'x-webflow-timestamp', milliseconds, ({ body }, time) => [`${time}:`, body]),
  'woocommerce': overBody('X-WC-Webhook-Signature', { as: 'base64' }),
  'xero': overBody('x-xero-signature', { as: 'base64' }),
}
