import type { z } from 'zod'
import type { Problem } from '../core/plan.ts'
import { checks } from '../checks/index.ts'
import { configuration, type Settings } from './schema.ts'

/** Settings in which every faulty part is replaced by a harmless one, so that mistakes in the rest are found at the same time. */
export interface Salvaged {
  readonly settings: Settings
  /** What was replaced: whatever is found below it later is not the operator's. */
  readonly replaced: readonly Problem['path'][]
}

type Path = Problem['path']
type Tree = Record<string | number, unknown>

const harmless: Record<string, (at: string | number) => unknown> = {
  listeners: () => ({ address: '127.0.0.1:0', tls: { certificate: '', key: '', clientCertificate: { mode: 'request', ca: [''] } } }),
  receivers: () => ({ url: 'http://127.0.0.1:1' }),
  routes: (at) => ({ name: `faulty-${at}`, match: { path: `/faulty-${at}` }, open: true, forward: { to: '' } }),
}

const checkKeys: ReadonlySet<string> = new Set(checks.map(({ key }) => key))

/** Undefined where too little is left to be looked at. */
export function salvage(value: unknown, issues: readonly z.core.$ZodIssue[]): Salvaged | undefined {
  if (!isTree(value)) return undefined
  const tree = structuredClone(value)
  const replaced = issues.flatMap((issue) => replace(tree, issue))
  const result = configuration.safeParse(tree)
  return result.success ? { settings: result.data, replaced } : undefined
}

/** Makes one mistake harmless; gives the paths of what was replaced for it. */
function replace(tree: Tree, issue: z.core.$ZodIssue): Path[] {
  const path = issue.path.filter((part) => typeof part !== 'symbol')
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys) remove(tree, [...path, key])
    // It may have been meant for a check.
    if (path[0] === 'routes' && path.length === 2) put(below(tree, path), 'open', true)
    return []
  }
  const [first, second, third] = path
  if (first === 'routes' && second !== undefined && checkKeys.has(String(third))) return withoutCheck(tree, path)
  if (second === undefined || !Object.hasOwn(harmless, first ?? '')) {
    remove(tree, path.slice(0, 1))
    return [path.slice(0, 1)]
  }
  put(tree[first as string], second, harmless[first as string]?.(second))
  return [[first as string, second]]
}

/** A route whose other checks can still be looked at. What replay needs is gone with the signature. */
function withoutCheck(tree: Tree, [first, at, key]: Path): Path[] {
  const route = [first ?? '', at ?? '']
  const gone = key === 'signature' ? [key, 'replay'] : [key ?? '']
  for (const one of gone) remove(tree, [...route, one])
  put(below(tree, route), 'open', true)
  return gone.map((one) => [...route, one])
}

function remove(tree: Tree, path: Path): void {
  const holder = below(tree, path.slice(0, -1))
  if (isTree(holder)) Reflect.deleteProperty(holder, path.at(-1) ?? '')
}

function put(holder: unknown, key: string | number, value: unknown): void {
  if (isTree(holder)) Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true })
}

function below(tree: unknown, path: Path): unknown {
  return path.reduce((node: unknown, part) => (isTree(node) && Object.hasOwn(node, part) ? node[part] : undefined), tree)
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null
}

/** Is this path at or below one of those? */
export function isBelow(path: Path, others: readonly Path[]): boolean {
  return others.some((other) => other.every((part, at) => part === path[at]))
}
