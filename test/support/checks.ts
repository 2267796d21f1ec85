import { checks } from '../../src/checks/index.ts'
import { compileCheck, type Check, type CheckTools, type KeyPath, type Question } from '../../src/core/check.ts'
import { decide, inOrder, type Decision } from '../../src/core/decide.ts'
import type { Address, Head } from '../../src/core/delivery.ts'
import { Headers } from '../../src/core/headers.ts'
import type { Clock } from '../../src/core/ports.ts'
import { parseAddress } from '../../src/addresses/address.ts'

/** A clock that stands still until it is told to go on; what was to run later runs then, in order. */
export class StillClock implements Clock {
  #at = 0
  readonly #start: number
  #waiting: { readonly at: number; readonly run: () => void }[] = []

  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#start = start
  }

  readonly now = () => this.#start + this.#at
  readonly monotonic = () => this.#at
  readonly after = (delay: number, run: () => void) => {
    const entry = { at: this.#at + delay, run }
    this.#waiting.push(entry)
    return () => { this.#waiting = this.#waiting.filter((other) => other !== entry) }
  }

  advance(milliseconds: number): void {
    const end = this.#at + milliseconds
    for (;;) {
      const [next] = this.#waiting.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)
      if (next === undefined) break
      this.#waiting = this.#waiting.filter((other) => other !== next)
      this.#at = next.at
      next.run()
    }
    this.#at = end
  }
}

/** What an operator was told: `users.alice: what → mend`. */
export interface Told { readonly path: KeyPath; readonly what: string; readonly mend: string }

/** Tools for compiling one check; `literal:` secrets only, no files, no feeds and no store unless given. */
export function toolsFor(given: Partial<CheckTools> = {}): CheckTools & { readonly told: Told[] } {
  const told: Told[] = []
  return {
    route: 'test', clock: new StillClock(), lease: 15_000, told,
    nonces: { claim: () => { throw new Error('no store') }, close: () => Promise.resolve() },
    secret: (reference) => (reference.startsWith('literal:') ? Buffer.from(reference.slice('literal:'.length)) : undefined),
    file: () => undefined,
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
