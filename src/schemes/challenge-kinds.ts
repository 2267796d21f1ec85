/** Handshakes that the gateway can answer by itself; each is a built-in receiver that a preset chooses. */
export const challengeKinds = [
  'asana', 'azure-event-grid', 'cloudevents', 'dropbox', 'hub', 'microsoft-graph', 'monday', 'okta', 'slack', 'sns', 'twitch',
  'x', 'xero', 'zoom',
] as const
export type ChallengeKind = (typeof challengeKinds)[number]
