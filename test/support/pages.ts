import { checks } from '../../src/checks/index.ts'
import { jsonSchema } from '../../src/config/schema.ts'
import { undecidable } from '../../src/core/decide.ts'
import { storeReasons } from '../../src/core/nonce.ts'
import { receiverReasons } from '../../src/core/receiver.ts'
import type { ReasonRow } from '../../src/core/verdict.ts'
import { presetsPage } from '../../scripts/presets-page.ts'
import { requestReasons } from '../../src/listen/reasons.ts'

/** Pages of the documentation that are made from the source; `npm run docs` writes them, and the tests hold them fresh. */
export const pages: Readonly<Record<string, () => string>> = {
  'docs/reasons.md': reasonsPage, 'docs/configuration.md': configurationPage, 'docs/presets.md': presetsPage,
}

/** Every reason code, with the rooms and checks that give it. */
export function reasonRows(): ReadonlyMap<string, ReasonRow & { readonly by: readonly string[] }> {
  const found = new Map<string, ReasonRow & { by: string[] }>()
  const add = (by: string, reasons: Readonly<Record<string, ReasonRow>>): void => {
    for (const [code, row] of Object.entries(reasons)) {
      const known = found.get(code)
      if (known === undefined) found.set(code, { ...row, by: [by] })
      else known.by.push(by)
    }
  }
  add('the listener', requestReasons)
  for (const check of checks) add(`\`${check.key}:\``, check.reasons)
  add('the store', storeReasons)
  add('the receiver', receiverReasons)
  add('any check', { undecidable })
  return found
}

function reasonsPage(): string {
  const rows = [...reasonRows()].map(([code, { status, title, retryAfter, by }]) => (
    `| \`${code}\` | ${status === 0 ? 'dropped' : status} | ${title} | ${retryAfter ?? ''} | ${by.join(', ')} |`
  ))
  return `# Reason codes

Made from the source by \`npm run docs\`. A reason stands in the audit record, in the metric \`sallyport_deliveries_total\` and, where
\`responses: detailed\`, in the answer. A code never changes its meaning. *dropped* means that the connection ends without an answer.

| code | status | what the sender is told | Retry-After (s) | given by |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`
}

type Node = Record<string, unknown>

function configurationPage(): string {
  const schema = jsonSchema() as Node
  const top = Object.entries(schema['properties'] as Record<string, Node>).map(([key, node]) => `## \`${key}\`\n\n${describe(node, key)}`)
  return `# Configuration

Made from the schema by \`npm run docs\`; \`sallyport schema\` prints the same as JSON Schema for editors. One YAML file; paths are
relative to it. Unknown keys are errors. Durations: \`250ms 10s 5m 24h 7d\`; sizes: \`512B 16KiB 1MiB 2GiB\`. Secrets are references:
\`env:NAME\`, \`file:PATH\`, or \`literal:TEXT\` where it is meant. \`[]\` stands for each item of a list, \`NAME\` for a name of your own.

${top.join('\n\n')}
`
}

function describe(node: Node, key: string): string {
  const own = text(node)
  const rows = [...rowsOf(node, key)]
  const table = rows.length === 0 ? '' : `| key | what it takes | default | |\n| --- | --- | --- | --- |\n${rows.join('\n')}`
  const first = rows.length > 0 ? own : `${own === '' ? '' : `${own} `}Takes ${kind(node)}${defaultOf(node)}.`
  return [first, table].filter((part) => part !== '').join('\n\n')
}

const defaultOf = (node: Node): string => (node['default'] === undefined || isTree(node['default']) ? '' : `; default \`${String(node['default'])}\``)

/** Schemes are a language of their own, with a page of their own. */
const elsewhere: Readonly<Record<string, string>> = { 'routes[].signature.scheme': '`sallyport presets NAME` shows one.' }

function* rowsOf(node: Node, path: string): Generator<string> {
  for (const [step, one] of children(node)) {
    const key = path + step
    const fallback = one['default'] === undefined || isTree(one['default']) ? '' : `\`${String(one['default'])}\``
    const rest = elsewhere[key]
    if (!step.startsWith('[') || text(one) !== '') yield `| \`${key}\` | ${kind(one)} | ${fallback} | ${[text(one), rest].filter(Boolean).join(' ')} |`
    if (rest === undefined) yield* rowsOf(one, key)
  }
}

function* children(node: Node): Generator<readonly [string, Node]> {
  for (const [key, one] of Object.entries((node['properties'] ?? {}) as Record<string, Node>)) yield [`.${key}`, one]
  if (isTree(node['items'])) yield ['[]', node['items']]
  if (isTree(node['additionalProperties'])) yield ['.NAME', node['additionalProperties']]
}

function kind(node: Node): string {
  const several = (node['anyOf'] ?? node['oneOf']) as Node[] | undefined
  if (several !== undefined) return [...new Set(several.map(kind))].join(' or ')
  if (node['const'] !== undefined) return `\`${String(node['const'])}\``
  if (Array.isArray(node['enum'])) return node['enum'].map((one) => `\`${String(one)}\``).join(' ')
  return { object: 'a map', array: 'a list', string: 'text', integer: 'a number', number: 'a number', boolean: '`true` or `false`' }[String(node['type'])] ?? 'anything'
}

const isTree = (value: unknown): value is Node => typeof value === 'object' && value !== null
const text = (node: Node): string => (typeof node['description'] === 'string' ? node['description'].replaceAll('|', '\\|') : '')
