import { isMap, isNode, isPair, isScalar, isSeq, LineCounter, parseDocument, visit, type Document, type Node } from 'yaml'
import type { Problem } from '../core/plan.ts'
import type { PlacedProblem } from './problems.ts'

/** A YAML text and where everything stands in it. */
export interface ConfigurationDocument {
  readonly value: unknown
  /** Mistakes of YAML itself. */
  readonly problems: readonly PlacedProblem[]
  readonly place: (problem: Problem) => PlacedProblem
}

/** Reads YAML 1.2, core schema, one document, no tags of its own. Never throws: mistakes are problems. */
export function readDocument(text: string, file: string): ConfigurationDocument {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, version: '1.2', uniqueKeys: true, merge: false, stringKeys: true })
  const placed = (problem: Problem, offset: number) => {
    const { line, col } = lines.linePos(offset)
    return { ...problem, file, line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const place = (problem: Problem) => placed(problem, offsetOf(document, problem.path))
  const problems = [...document.errors, ...document.warnings].map((error) => placed(
    { path: [], what: firstLine(error.message), mend: 'write it as YAML 1.2' }, error.pos[0],
  ))
  visit(document, { Pair: (_, { key }) => {
    if (isScalar(key) && key.value === '__proto__') problems.push(placed({ path: [], what: '`__proto__` is no key', mend: 'take it out' }, startOf(key)))
  } })
  return { ...valueOf(document, problems, place), place }
}

function valueOf(document: Document, problems: PlacedProblem[], place: (problem: Problem) => PlacedProblem) {
  if (problems.length > 0) return { value: undefined, problems }
  try {
    return { value: document.toJS({ maxAliasCount: 100 }) as unknown, problems }
  } catch (error) {
    const what = error instanceof Error ? firstLine(error.message) : 'cannot be read'
    return { value: undefined, problems: [place({ path: [], what, mend: 'write it without aliases' })] }
  }
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? text).replace(/ at line \d+, column \d+:?$/, '')
}

/** Where the key of a path stands; of the nearest ancestor that exists where it does not. */
function offsetOf(document: Document, path: readonly (string | number)[]): number {
  let node: unknown = document.contents
  let offset = startOf(node)
  for (const part of path) {
    const step = child(node, part)
    if (step === undefined) break
    offset = startOf(step.key ?? step.value)
    node = step.value
  }
  return offset
}

function child(node: unknown, part: string | number): { key?: unknown; value: unknown } | undefined {
  if (isSeq(node) && typeof part === 'number') {
    const value = node.items[part]
    return value === undefined ? undefined : { value }
  }
  if (!isMap(node)) return undefined
  const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(part))
  return pair === undefined ? undefined : { key: pair.key, value: pair.value }
}

function startOf(node: unknown): number {
  return isNode(node) ? ((node as Node).range?.[0] ?? 0) : 0
}
