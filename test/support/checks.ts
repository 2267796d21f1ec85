import { checks } from '../../src/checks/index.ts'
import { compileCheck, type Check, type CheckTools, type KeyPath, type Question } from '../../src/core/check.ts'
import { decide, inOrder, type Decision } from '../../src/core/decide.ts'
import type { Address, Head } from '../../src/core/delivery.ts'
import { Headers } from '../../src/core/headers.ts'
import type { Clock } from '../../src/core/ports.ts'
import { parseAddress } from '../../src/addresses/address.ts'
import { StillClock } from './clock.ts'

/** What an operator was told: `users.alice: what → mend`. */
export interface Told { readonly path: KeyPath; readonly what: string; readonly mend: string }

/** Tools for compiling one check; `literal:` secrets only, no files, no feeds and no store unless given. */
export function toolsFor(given: Partial<CheckTools> = {}): CheckTools & { readonly told: Told[] } {
  const told: Told[] = []
  return {
    ownMethods: ['POST'], route: 'test', clock: new StillClock(), lease: 15_000, told,
    nonces: { claim: () => { throw new Error('no store') }, find: () => { throw new Error('no store') }, close: () => Promise.resolve() },
    secret: (reference) => (reference.startsWith('literal:') ? Buffer.from(reference.slice('literal:'.length)) : undefined),
    file: () => undefined, approved: () => undefined,
    problem: (path, what, mend) => { told.push({ path, what, mend }) },
    neighbour: () => undefined,
    ...given,
  }
}

/** Settings as written in YAML → questions; throws where the schema or the check finds a mistake. */
export function questionsOf(key: string, written: unknown, tools = toolsFor()): Question[] {
  const check = checks.find((one) => one.key === key) as Check
  const questions = inOrder(compileCheck(check, check.schema.parse(written), tools))
  if (tools.told.length > 0) throw new Error(JSON.stringify(tools.told))
  return [...questions]
}

export interface Asking {
  readonly from?: string
  readonly headers?: readonly string[]
  readonly certificate?: Head['certificate']
  readonly clock?: Clock
}

/** A request's head, asked these questions as the gateway would. */
export async function ask(questions: readonly Question[], given: Asking = {}): Promise<Decision> {
  const clock = given.clock ?? new StillClock()
  const head: Head = {
    id: 'A'.repeat(22), from: parseAddress(given.from ?? '192.0.2.1') as Address, at: clock.now(), method: 'POST',
    host: 'hooks.example', path: '/', query: undefined, headers: new Headers(given.headers ?? []),
    certificate: given.certificate, read: () => new Uint8Array(),
  }
  return await decide(head, questions, 'enforce', clock)
}

/** `pass`, or the reason. */
export async function verdictOf(questions: readonly Question[], given: Asking = {}): Promise<string> {
  return (await ask(questions, given)).refusal?.reason ?? 'pass'
}
