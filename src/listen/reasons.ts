import type { Reasons } from '../core/verdict.ts'

/** Reasons that the outer gate itself gives, before a route's questions are asked. Status 0: the connection is dropped unanswered. */
export const requestReasons = {
  'proxy-header-invalid': { status: 0, title: 'The PROXY protocol header is missing or invalid' },
  'handshake-failed': { status: 0, title: 'The TLS handshake failed' },
  'malformed-request': { status: 400, title: 'The request is not valid' },
  'headers-timeout': { status: 408, title: 'The headers did not arrive in time' },
  misdirected: { status: 421, title: 'This connection is not for that host' },
  'no-route': { status: 404, title: 'Nothing is served here' },
  'method-not-allowed': { status: 405, title: 'This method is not served here' },
  'upgrade-not-allowed': { status: 403, title: 'No other protocol is spoken here' },
  overloaded: { status: 503, title: 'The gateway is busy', retryAfter: 5 },
  'rate-limited': { status: 429, title: 'Too many connections', retryAfter: 1 },
  'audit-unavailable': { status: 503, title: 'Nothing can be put on record at the moment', retryAfter: 5 },
  draining: { status: 503, title: 'The gateway is going away', retryAfter: 1 },
} satisfies Reasons

export type RequestReason = keyof typeof requestReasons
