import { iso, mac, milliseconds, seal, seconds, type Parcel } from './parcel.ts'
import { inOne, overBody, sender, sortedForm, stamped, token, type Sender } from './shapes.ts'

const form = ({ id }: Parcel) => `To=%2B4930123456&From=Caf%C3%A9+Nord&CallUUID=${encodeURIComponent(id)}`
const plivoNonce = 'X-Plivo-Signature-V2-Nonce'

/** Messaging, telephony and mail. */
export const messaging: Record<string, Sender> = {
  'customer-io': stamped('X-CIO-Signature', 'X-CIO-Timestamp', seconds, ({ body }, time) => [`v0:${time}:`, body]),
  'discord': sender((parcel) => ({
    'X-Signature-Timestamp': seconds(parcel), 'X-Signature-Ed25519': seal(parcel, null, 'hex', seconds(parcel), parcel.body),
  }), { key: 'ed25519-hex' }),
  'dyte': sender((parcel) => ({ 'dyte-signature': seal(parcel, 'sha256', 'base64', parcel.body) }), { key: 'rsa' }),
  'front': stamped('X-Front-Signature', 'X-Front-Request-Timestamp', milliseconds, ({ body }, time) => [`${time}:`, body], { as: 'base64' }),
  'help-scout': overBody('X-HelpScout-Signature', { hash: 'sha1', as: 'base64' }),
  'intercom': overBody('X-Hub-Signature', { hash: 'sha1', before: 'sha1=' }),
  'line': overBody('x-line-signature', { as: 'base64' }),
  'linkedin': sender((parcel) => ({ 'X-LI-Signature': mac(parcel, 'sha256', 'hex', 'hmacsha256=', parcel.body) })),
  'mailgun': sender(() => ({}), {
    covers: 'less',
    body: (parcel) => JSON.stringify({
      signature: { timestamp: seconds(parcel), token: parcel.id, signature: mac(parcel, 'sha256', 'hex', seconds(parcel), parcel.id) },
      'event-data': { event: 'opened' },
    }),
  }),
  'mailgun-form': sender(() => ({}), {
    covers: 'less',
    body: (parcel) => new URLSearchParams({
      timestamp: seconds(parcel), token: parcel.id, signature: mac(parcel, 'sha256', 'hex', seconds(parcel), parcel.id), subject: 'Grüße',
    }).toString(),
  }),
  'mandrill': sender((parcel) => ({ 'X-Mandrill-Signature': mac(parcel, 'sha1', 'base64', parcel.url, sortedForm(parcel.body)) }), {
    covers: 'form',
    body: ({ id }) => `mandrill_events=${encodeURIComponent(JSON.stringify([{ event: 'open', _id: id }]))}`,
  }),
  'meta': overBody('X-Hub-Signature-256', { before: 'sha256=' }),
  'microsoft-teams': overBody('Authorization', { as: 'base64', before: 'HMAC ', key: 'base64' }),
  'nextcloud-talk': sender((parcel) => ({
    'X-Nextcloud-Talk-Random': parcel.id, 'X-Nextcloud-Talk-Signature': mac(parcel, 'sha256', 'hex', parcel.id, parcel.body),
  })),
  'plivo-v1': sender((parcel) => ({ 'X-Plivo-Signature': mac(parcel, 'sha1', 'base64', parcel.url, sortedForm(parcel.body)) }), { body: form, covers: 'form' }),
  'plivo-v2': sender((parcel) => ({
    [plivoNonce]: parcel.id, 'X-Plivo-Signature-V2': mac(parcel, 'sha256', 'base64', parcel.url.split('?')[0] as string, parcel.id),
  }), { body: form, covers: 'less' }),
  'pusher': sender((parcel) => ({ 'X-Pusher-Key': parcel.keyId, 'X-Pusher-Signature': mac(parcel, 'sha256', 'hex', parcel.body) })),
  'sendgrid': sender((parcel) => ({
    'X-Twilio-Email-Event-Webhook-Timestamp': seconds(parcel),
    'X-Twilio-Email-Event-Webhook-Signature': seal(parcel, 'sha256', 'base64', seconds(parcel), parcel.body),
  }), { key: 'p256-spki' }),
  'sinch': sender((parcel) => ({
    'x-sinch-webhook-signature-timestamp': seconds(parcel),
    'x-sinch-webhook-signature-nonce': parcel.id,
    'x-sinch-webhook-signature': mac(parcel, 'sha256', 'base64', parcel.body, '.', parcel.id, '.', seconds(parcel)),
  })),
  'slack': stamped('X-Slack-Signature', 'X-Slack-Request-Timestamp', seconds, ({ body }, time) => [`v0:${time}:`, body], { before: 'v0=' }),
  'telegram': token('X-Telegram-Bot-Api-Secret-Token'),
  'telnyx': sender((parcel) => ({
    'telnyx-timestamp': seconds(parcel), 'telnyx-signature-ed25519': seal(parcel, null, 'base64', seconds(parcel), '|', parcel.body),
  }), { key: 'ed25519-base64' }),
  'tiktok': inOne('TikTok-Signature', (time, proof) => `t=${time},s=${proof}`),
  'twitch': sender((parcel) => {
    const time = iso(parcel).replace('Z', '634234Z')
    return {
      'Twitch-Eventsub-Message-Id': parcel.id,
      'Twitch-Eventsub-Message-Timestamp': time,
      'Twitch-Eventsub-Message-Signature': `sha256=${mac(parcel, 'sha256', 'hex', parcel.id, time, parcel.body)}`,
    }
  }),
  'webex': overBody('X-Spark-Signature', { hash: 'sha1' }),
  'x': overBody('x-twitter-webhooks-signature', { as: 'base64', before: 'sha256=' }),
  'zendesk': stamped('X-Zendesk-Webhook-Signature', 'X-Zendesk-Webhook-Signature-Timestamp', iso, ({ body }, time) => [time, body], { as: 'base64' }),
  'zoom': stamped('x-zm-signature', 'x-zm-request-timestamp', seconds, ({ body }, time) => [`v0:${time}:`, body], { before: 'v0=' }),
}
