import fc from 'fast-check'
import type { Claim, Committed, NonceStore } from '../../src/core/nonce.ts'
import { nonceOf, type StoreUnderTest } from './store.ts'

/**
 * The invariants of docs/replay.md as one simple model, and commands that are run on the model and on a store. The
 * wall clock is wrong by up to `skew` either way and changes its mind; leases and the model's own time go by lengths.
 */

/** By how much the wall clock may be wrong, either way. What is committed is kept for twice that and longer. */
export const skew = 1_000

/** A store that is being tried, with a wall clock that can be set. */
export interface Tried extends StoreUnderTest {
  /** Sets the wall clock to so many milliseconds beside the true time. */
  readonly setError: (error: number) => void
}

interface Accepted { readonly claim: number; readonly status: number; readonly print: string; readonly passes: number; readonly until: number }

interface Model {
  /** True time; the wall clock shows `time + error`. */
  time: number
  error: number
  process: number
  readonly claims: { readonly id: string; readonly print: string; ends: number; readonly process: number; settled: boolean }[]
  /** Which claim has a nonce, lapsed or not. */
  readonly holders: Map<string, number>
  readonly accepted: Map<string, Accepted>
  /** Accepted, ended, and claimed anew: a claim that is lost in a crash takes this back. */
  readonly ended: Map<string, Accepted>
}

interface Real { store: NonceStore; readonly subject: Tried; readonly claims: Claim[] }

export type StoreCommand = fc.AsyncCommand<Model, Real>

export function newModel(): Model {
  return { time: 0, error: 0, process: 0, claims: [], holders: new Map(), accepted: new Map(), ended: new Map() }
}

const wall = (model: Model): number => model.time + model.error

/** Must it still be known? May it? Between the two a store is free: it keeps longer where clocks were wrong. */
function memory(model: Model, id: string, grain: number): 'known' | 'forgotten' | 'either' {
  const accepted = model.accepted.get(id)
  if (accepted === undefined) return 'forgotten'
  if (wall(model) <= accepted.passes) return 'known'
  return model.time > accepted.until + 3 * skew + grain ? 'forgotten' : 'either'
}

function standing(model: Model, id: string): boolean {
  const holder = model.claims[model.holders.get(id) ?? -1]
  return holder !== undefined && model.time < holder.ends
}

function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(what)
}

function mustBeTheOneOf(model: Model, id: string, print: string, { status, material }: Committed): void {
  const accepted = model.accepted.get(id)
  must(accepted?.status === status, `${id} was accepted with another status`)
  must((accepted?.print === print) === (material === 'same'), `${id} was accepted with another material`)
}

/** Asks about one nonce. */
abstract class Asking {
  readonly id: string
  readonly print: string

  constructor(id: string, print: string) {
    this.id = id
    this.print = print
  }

  check = (): boolean => true
}

class ClaimCommand extends Asking implements StoreCommand {
  readonly lease: number

  constructor(id: string, print: string, lease: number) {
    super(id, print)
    this.lease = lease
  }

  async run(model: Model, real: Real): Promise<void> {
    const claimed = await real.store.claim(nonceOf(this.id, this.print), this.lease)
    const known = memory(model, this.id, real.subject.grain)
    if (known === 'known') must(claimed.state === 'committed', `I2: ${this.id} was accepted, now ${claimed.state}`)
    if (known === 'forgotten') must(claimed.state !== 'committed', `${this.id} is remembered for ever`)
    if (claimed.state === 'committed') return mustBeTheOneOf(model, this.id, this.print, claimed)
    must((claimed.state === 'in-flight') === standing(model, this.id), `I1, I3: ${this.id} is ${claimed.state}`)
    if (claimed.state === 'in-flight') return
    const ended = model.accepted.get(this.id)
    if (ended !== undefined) model.ended.set(this.id, { ...ended, passes: -Infinity })
    model.accepted.delete(this.id)
    model.holders.set(this.id, model.claims.length)
    model.claims.push({ id: this.id, print: this.print, ends: model.time + this.lease, process: model.process, settled: false })
    real.claims.push(claimed)
  }

  override toString = (): string => `claim(${this.id}, ${this.print}, ${this.lease})`
}

class FindCommand extends Asking implements StoreCommand {
  async run(model: Model, real: Real): Promise<void> {
    const found = await real.store.find(nonceOf(this.id, this.print))
    const known = memory(model, this.id, real.subject.grain)
    if (known === 'known') must(found.state === 'committed', `${this.id} was accepted, and is not found`)
    if (known === 'forgotten') must(found.state === 'unknown', `${this.id} is found for ever`)
    if (found.state === 'committed') mustBeTheOneOf(model, this.id, this.print, found)
  }

  override toString = (): string => `find(${this.id}, ${this.print})`
}

/** One claim of this process that is not settled yet, the `which`th of them. */
function unsettled(model: Model, which: number): number | undefined {
  const open = model.claims.flatMap((claim, at) => (!claim.settled && claim.process === model.process ? [at] : []))
  return open[which % Math.max(1, open.length)]
}

class CommitCommand implements StoreCommand {
  readonly which: number
  readonly passesFor: number

  constructor(which: number, passesFor: number) {
    this.which = which
    this.passesFor = passesFor
  }

  check = (model: Readonly<Model>): boolean => unsettled(model, this.which) !== undefined

  async run(model: Model, real: Real): Promise<void> {
    const at = unsettled(model, this.which) as number
    const claim = model.claims[at] as Model['claims'][number]
    claim.settled = true
    const passes = wall(model) + this.passesFor
    const kept = this.passesFor + 2 * skew + 1
    const outcome = { status: 200 + at % 99, until: real.subject.now() + kept }
    const committed = await (real.claims[at] as Claim).commit(outcome)
    const holder = model.holders.get(claim.id)
    const known = memory(model, claim.id, real.subject.grain)
    if (holder === at) must(committed, 'who holds a nonce commits it')
    else if (holder !== undefined && standing(model, claim.id)) must(!committed, 'I4: somebody else has it')
    else if (holder === undefined && known === 'known') must(!committed, 'I4: somebody else committed it')
    // What has ended may be in the way of one that comes so late: its time is not asked for a commit.
    else if (holder === undefined && !model.accepted.has(claim.id)) must(committed, 'a late commit counts where nobody has the nonce')
    if (!committed) return
    model.holders.delete(claim.id)
    model.ended.delete(claim.id)
    model.accepted.set(claim.id, { claim: at, status: outcome.status, print: claim.print, passes, until: wall(model) + kept })
  }

  toString = (): string => `commit(${this.which}, ${this.passesFor})`
}

class ReleaseCommand implements StoreCommand {
  readonly which: number

  constructor(which: number) {
    this.which = which
  }

  check = (model: Readonly<Model>): boolean => unsettled(model, this.which) !== undefined

  async run(model: Model, real: Real): Promise<void> {
    const at = unsettled(model, this.which) as number
    const claim = model.claims[at] as Model['claims'][number]
    claim.settled = true
    const ours = model.holders.get(claim.id) === at && standing(model, claim.id)
    must(await (real.claims[at] as Claim).release() === ours, `I4: release says whether the lease still held`)
    if (model.holders.get(claim.id) === at) model.holders.delete(claim.id)
  }

  toString = (): string => `release(${this.which})`
}

class PassCommand implements StoreCommand {
  readonly time: number

  constructor(time: number) {
    this.time = time
  }

  check = (): boolean => true

  async run(model: Model, real: Real): Promise<void> {
    model.time += this.time
    await real.subject.advance(this.time)
  }

  toString = (): string => `pass(${this.time})`
}

class SetClockCommand implements StoreCommand {
  readonly error: number

  constructor(error: number) {
    this.error = error
  }

  check = (): boolean => true

  run(model: Model, real: Real): Promise<void> {
    model.error = this.error
    real.subject.setError(this.error)
    return Promise.resolve()
  }

  toString = (): string => `setClock(${this.error})`
}

class CrashCommand implements StoreCommand {
  check = (): boolean => true

  async run(model: Model, real: Real): Promise<void> {
    const { subject } = real
    await subject.crash(real.store)
    real.store = await subject.open()
    model.process++
    if (subject.survives !== 'everything') model.holders.clear()
    if (subject.survives === 'nothing') model.accepted.clear()
    if (subject.survives === 'commits') for (const [id, ended] of model.ended) if (!model.accepted.has(id)) model.accepted.set(id, ended)
    if (subject.survives !== 'everything') model.ended.clear()
  }

  toString = (): string => 'crash'
}

/** Times lie on both sides of leases and ends; `grain` keeps clear of edges that a real clock cannot hit. */
export function storeCommands(): fc.Arbitrary<Iterable<StoreCommand>> {
  const ids = fc.constantFrom('a', 'b', 'c')
  const which = fc.nat(5)
  return fc.commands([
    fc.tuple(ids, fc.constantFrom('one', 'two'), fc.constantFrom(10_000, 20_000)).map(([id, print, lease]) => new ClaimCommand(id, print, lease)),
    fc.tuple(ids, fc.constantFrom('one', 'two'), fc.constantFrom(10_000, 20_000)).map(([id, print, lease]) => new ClaimCommand(id, print, lease)),
    fc.tuple(ids, fc.constantFrom('one', 'two')).map(([id, print]) => new FindCommand(id, print)),
    fc.tuple(which, fc.constantFrom(0, 30_000, 90_000)).map(([at, passes]) => new CommitCommand(at, passes)),
    which.map((at) => new ReleaseCommand(at)),
    fc.constantFrom(1_003, 4_001, 9_007, 11_009, 40_009, 100_003).map((time) => new PassCommand(time)),
    fc.integer({ min: -skew, max: skew }).map((error) => new SetClockCommand(error)),
    fc.constant(new CrashCommand()),
    // As long as they may be: left to itself, fast-check makes half a dozen.
  ], { maxCommands: 60, size: 'max' })
}

/** Runs so many interleavings; every one begins with an empty store and a right clock. */
export async function tryStore(subject: Tried, runs: number): Promise<void> {
  await fc.assert(fc.asyncProperty(storeCommands(), async (commands) => {
    await subject.wipe()
    subject.setError(0)
    const real: Real = { store: await subject.open(), subject, claims: [] }
    await fc.asyncModelRun(() => ({ model: newModel(), real }), commands)
    await subject.crash(real.store)
  }), { numRuns: runs })
}
