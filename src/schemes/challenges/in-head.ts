import { createHmac } from 'node:crypto'
import type { Head } from '../../core/delivery.ts'
import { single } from '../../core/headers.ts'
import { sameBytes } from '../compare.ts'
import { onlyValue, parsePairs } from '../form.ts'
import { echo, isSignable, json, type Challenge } from './challenge.ts'

/** Challenges that need nothing but a request's head. */

/** The only value of a query parameter; undefined where there is none, or several. */
export function parameter({ query }: Head, name: string): string | undefined {
  const pairs = parsePairs(query ?? '')
  const value = pairs === undefined ? undefined : onlyValue(pairs, name)
  return typeof value === 'string' ? value : undefined
}

/** Meta's Graph API and WebSub (https://www.w3.org/TR/websub/#hub-verifies-intent): the token compared, the challenge echoed. */
export const hub: Challenge = {
  methods: ['GET'], when: 'head', needs: 'verifyToken',
  answer(head, { verifyToken }) {
    if (head.method !== 'GET' || parameter(head, 'hub.challenge') === undefined) return 'no-challenge'
    const token = parameter(head, 'hub.verify_token')
    const knows = token !== undefined && verifyToken !== undefined && sameBytes(Buffer.from(token, 'latin1'), verifyToken)
    const mode = parameter(head, 'hub.mode')
    return knows && (mode === 'subscribe' || mode === 'unsubscribe') ? echo(parameter(head, 'hub.challenge')) : 'wrong'
  },
}

/** https://www.dropbox.com/developers/reference/webhooks: plain text, nosniff. */
export const dropbox: Challenge = {
  methods: ['GET'], when: 'head', needs: 'nothing',
  answer(head) {
    if (head.method !== 'GET') return 'no-challenge'
    const challenge = parameter(head, 'challenge')
    return challenge === undefined ? 'no-challenge' : echo(challenge)
  },
}

/** https://learn.microsoft.com/graph/change-notifications-delivery-webhooks: the decoded token within 10 s. */
export const microsoftGraph: Challenge = {
  methods: [], when: 'head', needs: 'nothing',
  answer(head) {
    const token = parameter(head, 'validationToken')
    return token === undefined ? 'no-challenge' : echo(token)
  },
}

/** X's challenge-response check: the MAC of a token under the key that signs deliveries, so the token must not be a delivery. */
export const x: Challenge = {
  methods: ['GET'], when: 'head', needs: 'nothing', signs: 'token',
  answer(head, { secret }) {
    const token = head.method === 'GET' ? parameter(head, 'crc_token') : undefined
    if (token === undefined) return 'no-challenge'
    if (!isSignable(token) || secret === undefined) return 'wrong'
    return json({ response_token: `sha256=${createHmac('sha256', secret).update(token).digest('base64')}` })
  },
}

/** https://developer.okta.com/docs/concepts/event-hooks/: the header's value as JSON. */
export const okta: Challenge = {
  methods: ['GET'], when: 'head', needs: 'nothing',
  answer(head) {
    const challenge = single(head.headers.one('x-okta-verification-challenge'))
    if (head.method !== 'GET' || challenge === undefined) return 'no-challenge'
    return echo(challenge) === 'wrong' ? 'wrong' : json({ verification: challenge })
  },
}

/** CloudEvents HTTP webhook 1.0 §4: only origins that the operator names may deliver. */
export const cloudevents: Challenge = {
  methods: ['OPTIONS'], when: 'head', needs: 'origins',
  answer({ method, headers }, { origins }) {
    const origin = single(headers.one('webhook-request-origin'))
    if (method !== 'OPTIONS' || origin === undefined) return 'no-challenge'
    if (!origins.includes(origin.toLowerCase())) return 'wrong'
    const rate = single(headers.one('webhook-request-rate'))
    const allowed = rate !== undefined && /^[1-9][0-9]{0,8}$/.test(rate) ? ['WebHook-Allowed-Rate', rate] : []
    return { type: undefined, body: '', headers: ['Allow', 'POST', 'WebHook-Allowed-Origin', origin, ...allowed] }
  },
}
