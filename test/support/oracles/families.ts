import { credentials, holds, require, type Mail, type Oracle } from './oracle.ts'

type Verify = (body: string, headers: Mail['headers'], secret: string) => unknown
interface Client { readonly webhooks: Record<'verifySignature' | 'unwrap', Verify> }
type NewClient = new (options: Readonly<Record<string, string>>) => Client

/** SDKs of one make: `client.webhooks.verifySignature(body, headers, secret)`. */
export function byClient(name: string): Oracle {
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
export function byStandard(name: 'standardwebhooks' | 'svix', family: 'webhook' | 'svix', secretOf = (secret: string) => secret): Oracle {
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

export function byHubspot(version: 'v1' | 'v2' | 'v3', header: string): Oracle {
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
