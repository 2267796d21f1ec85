import type { ChallengeKind } from '../challenge-kinds.ts'
import type { Challenge } from './challenge.ts'
import { azureEventGrid, monday, slack, twitch, xero, zoom } from './in-body.ts'
import { cloudevents, dropbox, hub, microsoftGraph, okta, x } from './in-head.ts'

/** Every handshake that the gateway answers by itself. */
export const challenges: ReadonlyMap<ChallengeKind, Challenge> = new Map<ChallengeKind, Challenge>([
  ['azure-event-grid', azureEventGrid], ['cloudevents', cloudevents], ['dropbox', dropbox], ['hub', hub], ['microsoft-graph', microsoftGraph],
  ['monday', monday], ['okta', okta], ['slack', slack], ['twitch', twitch], ['x', x], ['xero', xero], ['zoom', zoom],
])
