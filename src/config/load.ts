import { z } from 'zod'
import type { Problem } from '../core/plan.ts'
import { readDocument, type ConfigurationDocument } from './document.ts'
import { ConfigurationError, nearest, printPath } from './problems.ts'
import { salvage, type Salvaged } from './salvage.ts'
import { configuration, jsonSchema } from './schema.ts'

/** The settings of a configuration text, what is wrong with them so far, and the document that places what is found later. */
export interface Loaded extends Salvaged {
  readonly document: ConfigurationDocument
  readonly problems: readonly Problem[]
}

/**
 * Text → settings. Mistakes in single listeners, receivers and routes come back as problems beside the rest, so that
 * all can be told at once; where too little is left for that, throws `ConfigurationError`, and nothing else.
 */
export function loadSettings(text: string, file: string): Loaded {
  const document = readDocument(text, file)
  if (document.problems.length > 0) throw new ConfigurationError(document.problems)
  const result = configuration.safeParse(document.value, { reportInput: true })
  if (result.success) return { settings: result.data, document, problems: [], replaced: [] }
  const problems = result.error.issues.flatMap(toProblems)
  const salvaged = salvage(document.value, result.error.issues)
  if (salvaged === undefined) throw new ConfigurationError(problems.map(document.place))
  return { ...salvaged, document, problems }
}

/** One zod issue as problems in the words of the configuration. */
function toProblems(issue: z.core.$ZodIssue): Problem[] {
  const path = issue.path.filter((part) => typeof part !== 'symbol')
  switch (issue.code) {
    case 'unrecognized_keys': return issue.keys.map((key) => unknownKey(path, key))
    case 'custom': return [{ path, what: issue.message, mend: mendOf(issue.params) }]
    case 'invalid_union': return [{ path, what: issue.input === undefined ? 'is missing' : 'no form of this key fits', mend: describeKey(path) }]
    case 'invalid_type': return [wrongType(path, issue)]
    case 'invalid_value': return [{ path, what: issue.input === undefined ? 'is missing' : 'is not one of the known values', mend: `write ${issue.values.map(String).join(', ')}` }]
    case 'too_small': return [{ path, what: limit(issue.origin, 'least', issue.minimum), mend: describeKey(path) }]
    case 'too_big': return [{ path, what: limit(issue.origin, 'most', issue.maximum), mend: describeKey(path) }]
    case 'invalid_format': return [{ path, what: 'does not have the right form', mend: `write ${issue.message}` }]
    default: return [{ path, what: issue.message, mend: describeKey(path) }]
  }
}

function mendOf(params: Record<string, unknown> | undefined): string {
  return typeof params?.['mend'] === 'string' ? params['mend'] : 'see the documentation of this key'
}

function unknownKey(path: readonly (string | number)[], key: string): Problem {
  const known = keysAt(path)
  const near = nearest(key, known)
  const mend = near === undefined ? `known here: ${known.join(', ')}` : `did you mean \`${near}\`?`
  return { path: [...path, key], what: 'unknown key', mend }
}

function limit(origin: string, side: 'least' | 'most', count: number | bigint): string {
  return origin === 'array' ? `must hold at ${side} ${count}` : `must be at ${side} ${count}`
}

/** JSON's types in an operator's words. */
const kinds: Record<string, string> = { object: 'a map of keys', array: 'a list', string: 'text', boolean: 'true or false', number: 'a number' }

function kindOf(type: unknown): string {
  return kinds[String(type)] ?? 'documented'
}

function wrongType(path: readonly (string | number)[], issue: z.core.$ZodIssueInvalidType): Problem {
  if (issue.input === undefined && path.length > 0) {
    return { path, what: 'is missing', mend: describeKey(path) }
  }
  return { path, what: `is not ${kindOf(issue.expected === 'record' ? 'object' : issue.expected)}`, mend: describeKey(path) }
}

function describeKey(path: readonly (string | number)[]): string {
  const { description, type } = schemaAt(path)
  const label = path.length === 0 ? 'the file' : `\`${printPath(path.slice(-1))}\``
  return typeof description === 'string' ? `write ${label}: ${description}` : `write ${label} as ${kindOf(type)}`
}

type Node = Record<string, unknown>

function keysAt(path: readonly (string | number)[]): string[] {
  const { properties } = schemaAt(path)
  return typeof properties === 'object' && properties !== null ? Object.keys(properties) : []
}

/** Made when the first mistake is told: a good file never needs it. */
let wholeSchema: Node | undefined

/** The JSON Schema node of a path; an empty one where there is none. */
function schemaAt(path: readonly (string | number)[]): Node {
  let node: Node = (wholeSchema ??= jsonSchema())
  for (const part of path) node = below(node, part)
  return node
}

function below(node: Node, part: string | number): Node {
  if (typeof part === 'number') return (node['items'] ?? {}) as Node
  const properties = (node['properties'] ?? {}) as Node
  if (Object.hasOwn(properties, part)) return properties[part] as Node
  return typeof node['additionalProperties'] === 'object' ? (node['additionalProperties'] as Node) : {}
}
