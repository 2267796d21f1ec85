import { digest, iso, mac, milliseconds, seal, seconds, type Parcel } from './parcel.ts'
import { inOne, overBody, sender, sortedForm, stamped, standard, token, type Sender } from './shapes.ts'

/** Every sender that a preset is for, by the name of the preset. From the documentation that the preset names. */

const tAndV1 = (time: string, proof: string) => `t=${time},v1=${proof}`
const standardOnes = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, standard('webhook')]))
const svixOnes = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, standard('svix')]))
const form = ({ id }: Parcel) => `To=%2B4930123456&From=Caf%C3%A9+Nord&CallUUID=${encodeURIComponent(id)}`
const custom = { header: 'X-Our-Header' }

const hosting: Record<string, Sender> = {
  'bitbucket': overBody('X-Hub-Signature', { before: 'sha256=' }),
  'bitbucket-server': overBody('X-Hub-Signature', { before: 'sha256=' }),
  'buildkite': inOne('X-Buildkite-Signature', (time, proof) => `timestamp=${time},signature=${proof}`),
  'buildkite-token': token('X-Buildkite-Token'),
  'circleci': overBody('circleci-signature', { before: 'v1=' }),
  'discourse': overBody('X-Discourse-Event-Signature', { before: 'sha256=' }),
  'forgejo': overBody('X-Forgejo-Signature'),
  'ghost': inOne('X-Ghost-Signature', (time, proof) => `sha256=${proof}, t=${time}`, milliseconds, ({ body }, time) => [body, time]),
  'gitea': overBody('X-Gitea-Signature'),
  'github': overBody('X-Hub-Signature-256', { before: 'sha256=' }),
  'gitlab': token('X-Gitlab-Token'),
  'gogs': overBody('X-Gogs-Signature'),
  'google-project-hosting': overBody('Google-Code-Project-Hosting-Hook-Hmac', { hash: 'md5' }),
  'heroku': overBody('Heroku-Webhook-Hmac-SHA256', { as: 'base64' }),
  'jenkins': overBody('X-Hub-Signature-256', { before: 'sha256=' }),
  'jenkins-token': token('token'),
  'jira': overBody('X-Hub-Signature', { before: 'sha256=' }),
  'nexus': overBody('X-Nexus-Webhook-Signature', { hash: 'sha1' }),
  'npm': overBody('x-npm-signature', { before: 'sha256=' }),
  'phabricator': overBody('X-Phabricator-Webhook-Signature'),
  'sonarqube': overBody('X-Sonar-Webhook-HMAC-SHA256'),
  'terraform-cloud': overBody('X-TFE-Notification-Signature', { hash: 'sha512' }),
  'travis-ci': sender(
    (parcel) => ({ Signature: seal(parcel, 'sha1', 'base64', new URLSearchParams(parcel.body.toString()).get('payload') as string) }),
    { key: 'rsa', covers: 'form', body: ({ id }) => `payload=${encodeURIComponent(JSON.stringify({ id, state: 'passed' }))}` },
  ),
  'trello': sender((parcel) => ({ 'X-Trello-Webhook': mac(parcel, 'sha1', 'base64', parcel.body, parcel.url) })),
  'vercel': overBody('x-vercel-signature', { hash: 'sha1' }),
}

const payments: Record<string, Sender> = {
  'adyen-platform': overBody('HmacSignature', { as: 'base64', key: 'hex' }),
  'affirm': inOne('X-Affirm-Signature', (time, proof) => `t=${time},v0=${proof}`, seconds, undefined, { hash: 'sha512' }),
  'airwallex': stamped('x-signature', 'x-timestamp', milliseconds, ({ body }, time) => [time, body]),
  'alchemy': overBody('X-Alchemy-Signature'),
  'authorize-net': sender(
    (parcel) => ({ 'X-ANET-Signature': `sha512=${mac(parcel, 'sha512', 'hex', parcel.body).toUpperCase()}` }), { key: 'hex' },
  ),
  'checkout': overBody('Cko-Signature'),
  'coinbase-commerce': overBody('X-CC-Webhook-Signature'),
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
  'modern-treasury': overBody('X-Signature'),
  'mollie': overBody('X-Mollie-Signature', { before: 'sha256=' }),
  'orb': stamped('X-Orb-Signature', 'X-Orb-Timestamp', ({ at }) => new Date(at).toISOString().replace('Z', '123'), ({ body }, time) => [`v1:${time}:`, body], { before: 'v1=' }),
  'paddle': inOne('Paddle-Signature', (time, proof) => `ts=${time};h1=${proof}`, seconds, ({ body }, time) => [time, ':', body]),
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

const plivoNonce = 'X-Plivo-Signature-V2-Nonce'

const messaging: Record<string, Sender> = {
  'customer-io': stamped('X-CIO-Signature', 'X-CIO-Timestamp', seconds, ({ body }, time) => [`v0:${time}:`, body]),
  'discord': sender((parcel) => ({
    'X-Signature-Timestamp': seconds(parcel), 'X-Signature-Ed25519': seal(parcel, null, 'hex', seconds(parcel), parcel.body),
  }), { key: 'ed25519-hex' }),
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
    'x-sinch-webhook-signature-algorithm': 'HmacSHA256',
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

const hubspot = (version: string, parts: (parcel: Parcel) => readonly (string | Buffer)[]) => sender((parcel) => ({
  'X-HubSpot-Signature-Version': version, 'X-HubSpot-Signature': digest(parcel, 'sha256', 'hex', ...parts(parcel)),
}))

const commerce: Record<string, Sender> = {
  'adobe-sign': token('X-AdobeSign-ClientId'),
  'airtable': overBody('X-Airtable-Content-MAC', { before: 'hmac-sha256=', key: 'base64' }),
  'asana': overBody('X-Hook-Signature'),
  'bigcommerce': token(custom.header, { parameters: custom }),
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
  'klaviyo': stamped('Klaviyo-Signature', 'Klaviyo-Timestamp', iso, ({ body }, time) => [body, time]),
  'linear': sender((parcel) => ({ 'Linear-Signature': mac(parcel, 'sha256', 'hex', parcel.body) }), {
    body: ({ at, id }) => JSON.stringify({ action: 'create', webhookTimestamp: at, webhookId: id }),
  }),
  'lob': stamped('Lob-Signature', 'Lob-Signature-Timestamp', milliseconds, ({ body }, time) => [time, '.', body]),
  'mux': inOne('mux-signature', tAndV1),
  'notion': overBody('X-Notion-Signature', { before: 'sha256=' }),
  'pandadoc': sender((parcel) => ({ '?signature': mac(parcel, 'sha256', 'hex', parcel.body) })),
  'quickbooks': overBody('intuit-signature', { as: 'base64' }),
  'sanity': inOne('sanity-webhook-signature', tAndV1, milliseconds, undefined, { as: 'base64url' }),
  'segment': overBody('x-signature', { hash: 'sha1' }),
  'sellsy': sender((parcel) => ({ 'x-webhook-signature': digest(parcel, 'sha1', 'hex', parcel.key.bytes, parcel.body) })),
  'shopify': overBody('X-Shopify-Hmac-Sha256', { as: 'base64' }),
  'squarespace': overBody('Squarespace-Signature', { key: 'hex' }),
  'typeform': overBody('Typeform-Signature', { as: 'base64', before: 'sha256=' }),
  'webflow': stamped('x-webflow-signature', 'x-webflow-timestamp', milliseconds, ({ body }, time) => [`${time}:`, body]),
  'woocommerce': overBody('X-WC-Webhook-Signature', { as: 'base64' }),
  'xero': overBody('x-xero-signature', { as: 'base64' }),
}

const others: Record<string, Sender> = {
  'auth0': token('Authorization'),
  'azure-event-grid': token('?secret'),
  'bearer': token('Authorization', { before: 'Bearer ' }),
  'cloudevents': token('Authorization', { before: 'Bearer ' }),
  'cloudflare': token('cf-webhook-auth'),
  'datadog': token(custom.header, { parameters: custom }),
  'elevenlabs': inOne('ElevenLabs-Signature', (time, proof) => `t=${time},v0=${proof}`),
  'fal': sender((parcel) => ({
    'x-fal-webhook-request-id': parcel.id,
    'x-fal-webhook-user-id': 'user-7',
    'x-fal-webhook-timestamp': seconds(parcel),
    'x-fal-webhook-signature': seal(parcel, null, 'hex', [
      parcel.id, 'user-7', seconds(parcel), digest({ ...parcel, wrongly: false }, 'sha256', 'hex', parcel.body),
    ].join('\n')),
  }), { key: 'ed25519-base64url' }),
  'google-drive': token('X-Goog-Channel-Token'),
  'grafana': overBody('X-Grafana-Alerting-Signature'),
  'grafana-timestamped': { ...stamped('X-Grafana-Alerting-Signature', 'X-Our-Header', seconds, ({ body }, time) => [`${time}:`, body]), parameters: custom },
  'header-token': token(custom.header, { parameters: custom }),
  'hmac': { ...overBody(custom.header), parameters: custom },
  'microsoft-graph': sender(() => ({}), { covers: 'less', body: ({ key, id }) => JSON.stringify({ value: [{ id, clientState: key.written }] }) }),
  'new-relic': token(custom.header, { parameters: custom }),
  'okta': token('Authorization'),
  'onfido': overBody('X-SHA2-Signature'),
  'pagerduty': overBody('X-PagerDuty-Signature', { before: 'v1=' }),
  'persona': inOne('Persona-Signature', tAndV1),
  'retell': inOne('x-retell-signature', (time, proof) => `v=${time},d=${proof}`, milliseconds, ({ body }, time) => [body, time]),
  'sentry': overBody('Sentry-Hook-Signature'),
  'sumsub': sender((parcel) => ({ 'X-Payload-Digest-Alg': 'HMAC_SHA256_HEX', 'X-Payload-Digest': mac(parcel, 'sha256', 'hex', parcel.body) })),
  'supabase': token('Authorization'),
  'supabase-auth': standard('webhook', 'v1,whsec'),
  'veriff': overBody('x-hmac-signature'),
  'websub': overBody('X-Hub-Signature', { before: 'sha256=' }),
  'workos': inOne('WorkOS-Signature', (time, proof) => `t=${time}, v1=${proof}`, milliseconds),
}

export const senders: Readonly<Record<string, Sender>> = {
  ...hosting, ...payments, ...messaging, ...commerce, ...others,
  ...standardOnes([
    'anthropic', 'dodo-payments', 'gitlab-signed', 'incident-io', 'lithic', 'liveblocks', 'openai', 'render', 'replicate', 'standard-webhooks',
  ]),
  ...svixOnes(['clerk', 'resend', 'stytch', 'svix']),
}
