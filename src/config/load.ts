import { z } from 'zod'
import type { Problem } from '../core/plan.ts'
import { readDocument, type ConfigurationDocument } from './document.ts'
import { ConfigurationError, nearest, printPath } from './problems.ts'
import { configuration, jsonSchema, type Settings } from './schema.ts'

/** The settings of a configuration text, and the document for placing what is found wrong later. */
export interface Loaded {
  readonly settings: Settings
  readonly document: ConfigurationDocument
}

/** Text → settings. Throws `ConfigurationError` with every mistake, and nothing else. */
export function loadSettings(text: string, file: string): Loaded {
  const document = readDocument(text, file)
  if (document.problems.length > 0) throw new ConfigurationError(document.problems)
  const result = configuration.safeParse(document.value)
  if (result.success) return { settings: result.data, document }
  throw new ConfigurationError(result.error.issues.flatMap(toProblems).map(document.place))
}

/** One zod issue as problems in the words of the configuration. */
function toProblems(issue: z.core.$ZodIssue): Problem[] {
  const path = issue.path.filter((part) => typeof part !== 'symbol')
  switch (issue.code) {
    case 'unrecognized_keys': return issue.keys.map((key) => unknownKey(path, key))
    case 'custom': return [{ path, what: issue.message, mend: mendOf(issue.params) }]
    case 'invalid_union': return [{ path, what: 'no form of this key fits', mend: describeKey(path) }]
    case 'invalid_type': return [wrongType(path, issue)]
    case 'invalid_value': return [{ path, what: 'is not one of the known values', mend: `write ${issue.values.map(String).join(', ')}` }]
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

function wrongType(path: readonly (string | number)[], issue: z.core.$ZodIssueInvalidType): Problem {
  if (issue.input === undefined && path.length > 0) {
    return { path, what: 'is missing', mend: describeKey(path) }
  }
  return { path, what: `is not of type ${issue.expected}`, mend: describeKey(path) }
}

function describeKey(path: readonly (string | number)[]): string {
  const { description, type } = schemaAt(path)
  const label = path.length === 0 ? 'the file' : `\`${printPath(path.slice(-1))}\``
  return typeof description === 'string' ? `write ${label}: ${description}` : `write ${label} as ${String(type ?? 'documented')}`
}

type Node = Record<string, unknown>

function keysAt(path: readonly (string | number)[]): string[] {
  const { properties } = schemaAt(path)
  return typeof properties === 'object' && properties !== null ? Object.keys(properties) : []
}

/** The JSON Schema node of a path; an empty one where there is none. */
function schemaAt(path: readonly (string | number)[]): Node {
  let node: Node = jsonSchema()
  for (const part of path) node = below(node, part)
  return node
}

function below(node: Node, part: string | number): Node {
  if (typeof part === 'number') return (node['items'] ?? {}) as Node
  const properties = (node['properties'] ?? {}) as Node
  if (Object.hasOwn(properties, part)) return properties[part] as Node
  return typeof node['additionalProperties'] === 'object' ? (node['additionalProperties'] as Node) : {}
}
