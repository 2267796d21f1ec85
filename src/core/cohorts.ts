/**
 * The work of one turn of the event loop, kind by kind and not delivery by delivery: whatever receivers answered, whatever
 * senders asked, what both tell the nonce store, then what goes to receivers, then records, then what goes to senders. The code of one kind is all that the
 * processor's caches have to hold while that kind is done for every delivery of the turn (cohort scheduling: Larus and Parkes,
 * USENIX 2002).
 */
const [coming, going] = [['responses', 'requests', 'nonces'], ['to-receivers', 'records', 'to-senders']] as const
export type Cohort = (typeof coming | typeof going)[number]
type Run = () => void

const waiting: Record<Cohort, Run[]> = { 'responses': [], 'requests': [], 'nonces': [], 'to-receivers': [], 'records': [], 'to-senders': [] }
/** What runs first in the next turn, and what was given for the turn after this one. */
let [ripe, unripe]: [Run[], Run[]] = [[], []]
let isExpected = false

/** More of a kind wait for the next turn: caches gain nothing by still more, and the first is not to wait for the last of a thousand. */
const mostAtOnce = 64

/**
 * Runs it with the others of its kind: at the end of this turn, when all that came in it was read; or in the next turn, where that
 * kind's time is over or many came before. Each runs once, in the order in which they were given. `run` must not throw.
 */
export function withCohort(cohort: Cohort, run: Run): void {
  waiting[cohort].push(run)
  expect()
}

/** Runs it once what came meanwhile was read, too: never in this turn. `run` must not throw. */
export function inNextTurn(run: Run): void {
  unripe.push(run)
  expect()
}

function expect(): void {
  if (isExpected) return
  isExpected = true
  // Whoever was promised something in the first goes on between the two.
  setImmediate(workIn)
  setImmediate(workOut)
}

function workIn(): void {
  runAll(ripe)
  for (const cohort of coming) workThrough(cohort)
}

function workOut(): void {
  for (const cohort of going) workThrough(cohort)
  ripe = unripe
  unripe = []
  isExpected = false
  if (ripe.length > 0 || coming.some(isWaiting) || going.some(isWaiting)) expect()
}

function isWaiting(cohort: Cohort): boolean {
  return waiting[cohort].length > 0
}

function workThrough(cohort: Cohort): void {
  const runs = waiting[cohort]
  if (runs.length === 0) return
  waiting[cohort] = runs.splice(mostAtOnce)
  runAll(runs)
}

/** Each is let go of: a list that stood empty for long is old by now, and would keep all that it held until the next large collection (docs/decisions/0508). */
function runAll(runs: Run[]): void {
  for (let at = 0; at < runs.length; at++) {
    const run = runs[at] as Run
    runs[at] = nothing
    run()
  }
}

function nothing(): void {}
