import type { AddressInfo } from 'node:net'
import type { MetricObject } from 'prom-client'
import type { AuditState } from '../audit/log.ts'

/** What the first process asks of a worker. */
export type Order = { readonly order: 'reload' | 'reopen' | 'drain' } | { readonly order: 'audit'; readonly state: AuditState } | { readonly order: 'measure'; readonly nth: number }

/** What a worker says. */
export type Word =
  | { readonly word: 'serving'; readonly addresses: readonly AddressInfo[] }
  | { readonly word: 'failed'; readonly message: string }
  | { readonly word: 'reloaded'; readonly result: 'taken' | 'refused' }
  | { readonly word: 'measured'; readonly nth: number; readonly metrics: readonly MetricObject[] }
