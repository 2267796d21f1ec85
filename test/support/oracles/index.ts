import { byClient, byHubspot, byStandard } from './families.ts'
import type { Oracle } from './oracle.ts'
import { own } from './own.ts'

/** By the name of the preset. */
export const oracles: Readonly<Record<string, Oracle>> = {
  ...own,
  'anthropic': byStandard('standardwebhooks', 'webhook'),
  'goody': byStandard('svix', 'svix'),
  'gitlab-signed': byStandard('standardwebhooks', 'webhook'),
  'hubspot': byHubspot('v3', 'X-HubSpot-Signature-v3'),
  'hubspot-v1': byHubspot('v1', 'X-HubSpot-Signature'),
  'hubspot-v2': byHubspot('v2', 'X-HubSpot-Signature'),
  'incident-io': byStandard('standardwebhooks', 'webhook'),
  'lithic': byClient('lithic'),
  'metronome': byClient('@metronome/sdk'),
  'mux': byClient('@mux/mux-node'),
  'openmeter': byStandard('svix', 'svix'),
  'orb': byClient('orb-billing'),
  'render': byStandard('standardwebhooks', 'webhook'),
  'standard-webhooks': byStandard('standardwebhooks', 'webhook'),
  'stytch': byStandard('svix', 'svix'),
  'supabase-auth': byStandard('standardwebhooks', 'webhook', (secret) => secret.slice('v1,'.length)),
  'svix': byStandard('svix', 'svix'),
}
