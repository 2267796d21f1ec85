import type { ChallengeKind } from '../challenge-kinds.ts'
import { asana } from './asana.ts'
import type { Challenge } from './challenge.ts'
import { azureEventGrid, monday, slack, twitch, xero, zoom } from './in-body.ts'
import { cloudevents, dropbox, hub, microsoftGraph, okta, x } from './in-head.ts'
import { sns } from './sns.ts'

/** Every handshake that the gateway answers by itself. */
export const challenges: ReadonlyMap<ChallengeKind, Challenge> = new Map<ChallengeKind, Challenge>([
  ['asana', asana], ['azure-event-grid', azureEventGrid], ['cloudevents', cloudevents], ['dropbox', dropbox], ['hub', hub], ['microsoft-graph', microsoftGraph],
  ['monday', monday], ['okta', okta], ['slack', slack], ['sns', sns], ['twitch', twitch], ['x', x], ['xero', xero], ['zoom', zoom],
])
