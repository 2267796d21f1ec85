import { createHmac } from 'node:crypto'
import { single } from '../../core/headers.ts'
import { newTree, readJson, want, type JsonPath } from '../json.ts'
import { echo, isSignable, json, type Challenge } from './challenge.ts'

/** Challenges that stand in a JSON body. */

/** The texts at these paths; undefined for what is no JSON, or no string there. A key that stands twice is no JSON to us. */
function compileTexts(...paths: JsonPath[]): (body: Uint8Array | undefined) => readonly (string | undefined)[] {
  const tree = newTree()
  const places = paths.map((path) => want(tree, path))
  return (body) => {
    const read = body === undefined ? 'not-json' : readJson(body, tree)
    if (typeof read === 'string') return places.map(() => undefined)
    return places.map((place) => (read[place]?.kind === 'string' ? read[place].text : undefined))
  }
}

const slackTexts = compileTexts(['type'], ['challenge'])

/** https://docs.slack.dev/reference/events/url_verification: signed like any event. */
export const slack: Challenge = {
  methods: [], when: 'signed', needs: 'nothing',
  answer({ body }) {
    const [type, challenge] = slackTexts(body)
    return type === 'url_verification' ? echo(challenge) : 'no-challenge'
  },
}

const mondayTexts = compileTexts(['challenge'], ['event', 'type'])

/** https://developer.monday.com/apps/docs/webhooks: the same JSON back; comes unsigned, and holds no event. */
export const monday: Challenge = {
  methods: [], when: 'body', needs: 'nothing',
  answer({ body }) {
    const [challenge, event] = mondayTexts(body)
    if (challenge === undefined || event !== undefined) return 'no-challenge'
    return echo(challenge) === 'wrong' ? 'wrong' : json({ challenge })
  },
}

const twitchTexts = compileTexts(['challenge'])

/** https://dev.twitch.tv/docs/eventsub/handling-webhook-events: signed; the challenge as plain text. */
export const twitch: Challenge = {
  methods: [], when: 'signed', needs: 'nothing',
  answer({ headers, body }) {
    if (headers.one('twitch-eventsub-message-type') !== 'webhook_callback_verification') return 'no-challenge'
    return echo(twitchTexts(body)[0])
  },
}

const zoomTexts = compileTexts(['event'], ['payload', 'plainToken'])

/** https://developers.zoom.us/docs/api/webhooks/: signed; answered with a MAC under the same key, so the token is restricted. */
export const zoom: Challenge = {
  methods: [], when: 'signed', needs: 'nothing', signs: 'token',
  answer({ body }, { secret }) {
    const [event, plainToken] = zoomTexts(body)
    if (event !== 'endpoint.url_validation') return 'no-challenge'
    if (!isSignable(plainToken) || secret === undefined) return 'wrong'
    return json({ plainToken, encryptedToken: createHmac('sha256', secret).update(plainToken).digest('hex') })
  },
}

const eventGridTexts = compileTexts(['0', 'data', 'validationCode'])

/** https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema: 200 exactly. */
export const azureEventGrid: Challenge = {
  methods: [], when: 'signed', needs: 'nothing',
  answer({ headers, body }) {
    if (single(headers.one('aeg-event-type'))?.toLowerCase() !== 'subscriptionvalidation') return 'no-challenge'
    const [validationCode] = eventGridTexts(body)
    return echo(validationCode) === 'wrong' ? 'wrong' : json({ validationResponse: validationCode })
  },
}

/**
 * Xero's intent to receive (https://developer.xero.com/documentation/guides/webhooks/configuring-your-server/): rightly
 * signed ones want 200 and no body, wrongly signed ones 401, which the signature check gives. They hold no events.
 */
export const xero: Challenge = {
  methods: [], when: 'signed', needs: 'nothing',
  answer: ({ body }) => (holdsNoEvents(body) ? { type: undefined, body: '' } : 'no-challenge'),
}

function holdsNoEvents(body: Uint8Array | undefined): boolean {
  try {
    const value: unknown = JSON.parse(Buffer.from(body ?? []).toString('utf8'))
    return typeof value === 'object' && value !== null && 'events' in value && Array.isArray(value.events) && value.events.length === 0
  } catch {
    return false
  }
}
