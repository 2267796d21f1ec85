import { createRequire } from 'node:module'

/**
 * The official libraries of senders, from `test/oracles/` (their own package, so that the project's install stays small).
 * They verify what senders sign for their users, so they are asked whether they agree with the presets.
 */
const require = createRequire(new URL('../oracles/package.json', import.meta.url))

/** One delivery as an SDK takes it. */
export interface Mail {
  readonly body: string
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  /** The secret or the public key, as the sender shows it. */
  readonly secret: string
  readonly url: string
}

export interface Oracle {
  /** The package and what of it is asked. */
  readonly by: string
  readonly accepts: (mail: Mail) => boolean | Promise<boolean>
  /** What the SDK signs: headers. */
  readonly signs?: (mail: Mail, at: number) => Promise<Readonly<Record<string, string>>> | Readonly<Record<string, string>>
  /** A body that the SDK takes for an event of the sender. */
  readonly body?: string
}

/** Most SDKs say no by throwing. */
async function holds(run: () => unknown): Promise<boolean> {
  try {
    return await run() !== false
  } catch {
    return false
  }
}

type Verify = (body: string, headers: Mail['headers'], secret: string) => unknown
interface Client { readonly webhooks: Record<'verifySignature' | 'unwrap', Verify> }
type NewClient = new (options: Readonly<Record<string, string>>) => Client
const credentials = { apiKey: 'k', bearerToken: 'k', tokenId: 'k', tokenSecret: 'k', organizationID: 'k' }

/** SDKs of one make: `client.webhooks.verifySignature(body, headers, secret)`. */
function byClient(name: string): Oracle {
  return {
    by: `${name} webhooks.verifySignature`,
    accepts: ({ body, headers, secret }) => {
      const Client = require(name) as { readonly default: NewClient }
      return holds(() => new Client.default(credentials).webhooks.verifySignature(body, headers, secret))
    },
  }
}

interface StandardWebhook {
  readonly verify: (body: string, headers: Mail['headers']) => unknown
  readonly sign: (id: string, at: Date, body: string) => string
}
type NewStandardWebhook = new (secret: string) => StandardWebhook

/** The libraries of the standard, which its senders document. */
function byStandard(name: 'standardwebhooks' | 'svix', family: 'webhook' | 'svix', secretOf = (secret: string) => secret): Oracle {
  const open = (secret: string) => new (require(name) as { readonly Webhook: NewStandardWebhook }).Webhook(secretOf(secret))
  return {
    by: `${name} Webhook.verify, .sign`,
    accepts: ({ body, headers, secret }) => holds(() => open(secret).verify(body, headers)),
    signs: ({ body, secret }, at) => ({
      [`${family}-id`]: 'msg_1', [`${family}-timestamp`]: String(Math.floor(at / 1000)), [`${family}-signature`]: open(secret).sign('msg_1', new Date(at), body),
    }),
  }
}

interface HubspotSignature {
  readonly isValid: (options: Readonly<Record<string, string | number>>) => boolean
  readonly getSignature: (method: string, version: string, options: Readonly<Record<string, string | number>>) => string
}

function byHubspot(version: 'v1' | 'v2' | 'v3', header: string): Oracle {
  const signature = () => (require('@hubspot/api-client') as { readonly Signature: HubspotSignature }).Signature
  const options = ({ body, url, secret }: Mail, timestamp: number) => ({ clientSecret: secret, requestBody: body, url, timestamp })
  return {
    by: '@hubspot/api-client Signature.isValid, .getSignature',
    accepts: (mail) => holds(() => signature().isValid({
      ...options(mail, Number(mail.headers['x-hubspot-request-timestamp'] ?? 0)), signatureVersion: version, method: 'POST',
      signature: mail.headers[header.toLowerCase()] ?? '',
    })),
    signs: (mail, at) => ({
      [header]: signature().getSignature('POST', version, options(mail, at)),
      ...(version === 'v3' ? { 'X-HubSpot-Request-Timestamp': String(at) } : { 'X-HubSpot-Signature-Version': version }),
    }),
  }
}

const own: Readonly<Record<string, Oracle>> = {
  'clerk': {
    by: '@clerk/backend verifyWebhook',
    accepts: ({ body, headers, secret, url }) => {
      type VerifyWebhook = (request: Request, options: { readonly signingSecret: string }) => Promise<unknown>
      const { verifyWebhook } = require('@clerk/backend/webhooks') as { readonly verifyWebhook: VerifyWebhook }
      return holds(() => verifyWebhook(new Request(url, { method: 'POST', headers, body }), { signingSecret: secret }))
    },
  },
  'cloudinary': {
    by: 'cloudinary utils.verifyNotificationSignature',
    accepts: ({ body, headers, secret }) => {
      type Cloudinary = {
        readonly config: (options: { readonly api_secret: string }) => void
        readonly utils: { readonly verifyNotificationSignature: (body: string, timestamp: string, signature: string) => boolean }
      }
      const { v2 } = require('cloudinary') as { readonly v2: Cloudinary }
      v2.config({ api_secret: secret })
      return holds(() => v2.utils.verifyNotificationSignature(body, headers['x-cld-timestamp'] ?? '', headers['x-cld-signature'] ?? ''))
    },
  },
  'discord': {
    by: 'discord-interactions verifyKey',
    accepts: ({ body, headers, secret }) => {
      type VerifyKey = (body: string, signature: string, timestamp: string, key: string) => Promise<boolean>
      const { verifyKey } = require('discord-interactions') as { readonly verifyKey: VerifyKey }
      return holds(() => verifyKey(body, headers['x-signature-ed25519'] ?? '', headers['x-signature-timestamp'] ?? '', secret))
    },
  },
  'dodo-payments': {
    by: 'dodopayments webhooks.unwrap',
    accepts: ({ body, headers, secret }) => {
      type Unwrap = (body: string, options: { readonly headers: Mail['headers'], readonly key: string }) => unknown
      const Client = require('dodopayments') as { readonly default: new (options: object) => { readonly webhooks: { readonly unwrap: Unwrap } } }
      return holds(() => new Client.default(credentials).webhooks.unwrap(body, { headers, key: secret }))
    },
  },
  'linear': {
    by: '@linear/sdk LinearWebhookClient.verify',
    accepts: ({ body, headers, secret }) => {
      type Linear = new (secret: string) => { readonly verify: (body: Buffer, signature: string, timestamp: number) => boolean }
      const { LinearWebhookClient } = require('@linear/sdk/webhooks') as { readonly LinearWebhookClient: Linear }
      const time = (JSON.parse(body) as { readonly webhookTimestamp: number }).webhookTimestamp
      return holds(() => new LinearWebhookClient(secret).verify(Buffer.from(body), headers['linear-signature'] ?? '', time))
    },
  },
  'liveblocks': {
    by: '@liveblocks/node WebhookHandler.verifyRequest',
    body: '{"type":"storageUpdated","data":{"roomId":"r"}}',
    accepts: ({ body, headers, secret }) => {
      type Handler = new (secret: string) => { readonly verifyRequest: (request: { headers: Mail['headers'], rawBody: string }) => unknown }
      const { WebhookHandler } = require('@liveblocks/node') as { readonly WebhookHandler: Handler }
      return holds(() => new WebhookHandler(secret).verifyRequest({ headers, rawBody: body }))
    },
  },
  'modern-treasury': {
    by: 'modern-treasury webhooks.validateSignature',
    accepts: ({ body, headers, secret }) => {
      type Validate = (body: string, headers: Mail['headers'], options: { readonly key: string }) => boolean
      const Client = require('modern-treasury') as { readonly default: new (options: object) => { readonly webhooks: { readonly validateSignature: Validate } } }
      return holds(() => new Client.default(credentials).webhooks.validateSignature(body, headers, { key: secret }))
    },
  },
  'notion': {
    by: '@notionhq/client verifyWebhookSignature, signWebhookPayload',
    accepts: ({ body, headers, secret }) => holds(() => notion().verifyWebhookSignature({
      body, signature: headers['x-notion-signature'] ?? '', verificationToken: secret,
    })),
    signs: async ({ body, secret }) => ({ 'X-Notion-Signature': await notion().signWebhookPayload({ body, verificationToken: secret }) }),
  },
  'replicate': {
    by: 'replicate validateWebhook',
    accepts: ({ body, headers, secret }) => {
      const { validateWebhook } = require('replicate') as { readonly validateWebhook: (request: object, secret: string) => Promise<boolean> }
      return holds(() => validateWebhook({ body, headers }, secret))
    },
  },
  'resend': {
    by: 'resend webhooks.verify',
    accepts: ({ body, headers, secret }) => {
      type Resend = new (key: string) => { readonly webhooks: { readonly verify: (payload: object) => unknown } }
      const { Resend } = require('resend') as { readonly Resend: Resend }
      const [id, timestamp, signature] = ['id', 'timestamp', 'signature'].map((name) => headers[`svix-${name}`])
      return holds(() => new Resend('re_k').webhooks.verify({ payload: body, headers: { id, timestamp, signature }, webhookSecret: secret }))
    },
  },
  'retell': {
    by: 'retell-sdk verify, sign',
    accepts: ({ body, headers, secret }) => holds(() => retell().verify(body, secret, headers['x-retell-signature'] ?? '')),
    signs: async ({ body, secret }) => ({ 'x-retell-signature': await retell().sign(body, secret) }),
  },
  'stripe': {
    by: 'stripe webhooks.constructEvent, .generateTestHeaderString',
    accepts: ({ body, headers, secret }) => holds(() => stripe().constructEvent(body, headers['stripe-signature'] ?? '', secret)),
    signs: ({ body, secret }, at) => ({
      'Stripe-Signature': stripe().generateTestHeaderString({ payload: body, secret, timestamp: Math.floor(at / 1000) }),
    }),
  },
  'telnyx': {
    by: 'telnyx webhooks.constructEvent',
    accepts: ({ body, headers, secret }) => {
      type Construct = (body: string, signature: string, timestamp: string, key: string) => unknown
      const telnyx = (require('telnyx') as (key: string) => { readonly webhooks: { readonly constructEvent: Construct } })('k')
      return holds(() => telnyx.webhooks.constructEvent(body, headers['telnyx-signature-ed25519'] ?? '', headers['telnyx-timestamp'] ?? '', secret))
    },
  },
  'workos': {
    by: '@workos-inc/node webhooks.verifyHeader, .computeSignature',
    accepts: ({ body, headers, secret }) => holds(() => workos().verifyHeader({
      payload: JSON.parse(body) as unknown, sigHeader: headers['workos-signature'] ?? '', secret,
    })),
    signs: async ({ body, secret }, at) => ({
      'WorkOS-Signature': `t=${at}, v1=${await workos().computeSignature(at, JSON.parse(body) as unknown, secret)}`,
    }),
  },
}

interface Notion {
  readonly verifyWebhookSignature: (options: Readonly<Record<string, string>>) => Promise<boolean>
  readonly signWebhookPayload: (options: Readonly<Record<string, string>>) => Promise<string>
}
const notion = () => require('@notionhq/client') as Notion

interface Retell {
  readonly verify: (body: string, key: string, signature: string) => Promise<boolean>
  readonly sign: (body: string, key: string) => Promise<string>
}
const retell = () => require('retell-sdk') as Retell

interface StripeWebhooks {
  readonly constructEvent: (body: string, header: string, secret: string) => unknown
  readonly generateTestHeaderString: (options: Readonly<Record<string, string | number>>) => string
}
const stripe = () => (require('stripe') as (key: string) => { readonly webhooks: StripeWebhooks })('sk_test_k').webhooks

interface WorkosWebhooks {
  readonly verifyHeader: (options: Readonly<Record<string, unknown>>) => Promise<boolean>
  readonly computeSignature: (at: number, payload: unknown, secret: string) => Promise<string>
}
const workos = () => new (require('@workos-inc/node') as { readonly WorkOS: new (key: string) => { readonly webhooks: WorkosWebhooks } }).WorkOS('sk_k').webhooks

/** By the name of the preset. */
export const oracles: Readonly<Record<string, Oracle>> = {
  ...own,
  'anthropic': byStandard('standardwebhooks', 'webhook'),
  'gitlab-signed': byStandard('standardwebhooks', 'webhook'),
  'hubspot': byHubspot('v3', 'X-HubSpot-Signature-v3'),
  'hubspot-v1': byHubspot('v1', 'X-HubSpot-Signature'),
  'hubspot-v2': byHubspot('v2', 'X-HubSpot-Signature'),
  'incident-io': byStandard('standardwebhooks', 'webhook'),
  'lithic': byClient('lithic'),
  'metronome': byClient('@metronome/sdk'),
  'mux': byClient('@mux/mux-node'),
  'orb': byClient('orb-billing'),
  'render': byStandard('standardwebhooks', 'webhook'),
  'standard-webhooks': byStandard('standardwebhooks', 'webhook'),
  'stytch': byStandard('svix', 'svix'),
  'supabase-auth': byStandard('standardwebhooks', 'webhook', (secret) => secret.slice('v1,'.length)),
  'svix': byStandard('svix', 'svix'),
}
