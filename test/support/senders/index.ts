import { commerce } from './commerce.ts'
import { hosting } from './hosting.ts'
import { messaging } from './messaging.ts'
import { others } from './others.ts'
import { payments } from './payments.ts'
import { standard, type Sender } from './shapes.ts'

const standardOnes = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, standard('webhook')]))
const svixOnes = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, standard('svix')]))

/** Every sender that a preset is for, by the name of the preset. From the documentation that the preset names. */
export const senders: Readonly<Record<string, Sender>> = {
  ...hosting, ...payments, ...messaging, ...commerce, ...others,
  ...standardOnes([
    'anthropic', 'brex', 'dodo-payments', 'gitlab-signed', 'incident-io', 'lithic', 'liveblocks', 'openai', 'render', 'replicate', 'standard-webhooks',
  ]),
  ...svixOnes(['clerk', 'goody', 'openmeter', 'resend', 'stytch', 'svix']),
}
