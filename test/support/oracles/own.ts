import { credentials, holds, require, type Mail, type Oracle } from './oracle.ts'

/** Libraries of one sender each, by the name of the preset. */
export const own: Readonly<Record<string, Oracle>> = {
  'acuity': {
    by: 'acuityscheduling verifyMessageSignature',
    accepts: ({ body, headers, secret }) => {
      type Verify = (secret: string, body: string, signature: string) => void
      const { verifyMessageSignature } = require('acuityscheduling') as { readonly verifyMessageSignature: Verify }
      return holds(() => { verifyMessageSignature(secret, body, headers['x-acuity-signature'] ?? '') })
    },
  },
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
  'dropbox-sign': {
    by: '@dropbox/sign EventCallbackHelper.isValid',
    accepts: ({ body, secret }) => {
      type Sign = {
        readonly EventCallbackHelper: { readonly isValid: (key: string, callback: object) => boolean }
        readonly EventCallbackRequest: { readonly init: (data: unknown) => object }
      }
      const { EventCallbackHelper, EventCallbackRequest } = require('@dropbox/sign') as Sign
      return holds(() => EventCallbackHelper.isValid(secret, EventCallbackRequest.init(JSON.parse(new URLSearchParams(body).get('json') ?? ''))))
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
  'webflow': {
    by: 'webflow-api webhooks.verifySignature',
    accepts: ({ body, headers, secret }) => {
      type Verify = (request: { readonly headers: Mail['headers'], readonly body: string, readonly secret: string }) => Promise<boolean>
      const { WebflowClient } = require('webflow-api') as { readonly WebflowClient: new (options: object) => { readonly webhooks: { readonly verifySignature: Verify } } }
      return holds(() => new WebflowClient({ accessToken: 'k' }).webhooks.verifySignature({ headers, body, secret }))
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
