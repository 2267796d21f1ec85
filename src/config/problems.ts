import { editDistance } from '../core/edit-distance.ts'
import type { Problem } from '../core/plan.ts'

/** A problem with its place in the file. Lines and columns count from 1. */
export interface PlacedProblem extends Problem {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** Every mistake that was found, at once. The only thing that loading a configuration throws. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
  readonly problems: readonly PlacedProblem[]

  constructor(problems: readonly PlacedProblem[]) {
    super(problems.map(printProblem).join('\n'))
    this.problems = problems
  }
}

/** `sallyport.yaml:3:5 listeners[0].tls.key: what is wrong, what to write`. */
export function printProblem({ file, line, column, path, what, mend }: PlacedProblem): string {
  const key = printPath(path)
  return `${file}:${line}:${column}${key === '' ? '' : ` ${key}`}: ${what}, ${mend}`
}

/** `['routes', 0, 'from']` → `routes[0].from`. */
export function printPath(path: readonly (string | number)[]): string {
  return path.map((part, at) => (typeof part === 'number' ? `[${part}]` : `${at === 0 ? '' : '.'}${printKey(part)}`)).join('')
}

/** In quotes where nobody would see it otherwise: a blank, an empty key. */
function printKey(key: string): string {
  return /^[!-~]+$/.test(key) ? key : JSON.stringify(key)
}

/** The known name that is nearest to what was written; undefined where none is near. */
export function nearest(written: string, known: readonly string[]): string | undefined {
  const ranked = known.map((name) => ({ name, distance: editDistance(written.toLowerCase(), name.toLowerCase()) }))
  const best = ranked.sort((a, b) => a.distance - b.distance)[0]
  return best !== undefined && best.distance <= Math.max(2, written.length / 3) ? best.name : undefined
}
