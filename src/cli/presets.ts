import { Argument, Command } from 'commander'
import { stringify } from 'yaml'
import { allPresetFacts, presetFacts, strengths, type PresetFacts } from '../schemes/preset-facts.ts'
import { nearestPresets, writtenPreset } from '../schemes/presets.ts'
import { UsageError } from './usage-error.ts'

/** `sallyport presets`: the senders that are known by name, how strong their proof is, and what it leaves open. */
export function presetsCommand(): Command {
  return new Command('presets')
    .description('the senders that are known by name: how strong their proof is, how the preset was proven, what it leaves open')
    .addArgument(new Argument('[name]', 'one preset, in full'))
    .option('--json', 'for programs')
    .addHelpText('after', `
Columns:
  STRENGTH  ${Object.entries(strengths).map(([name, about]) => `${name.padEnd(11)}${about}`).join('\n            ')}
  PROOF     vector: messages that the sender published · sdk: the library of the sender agrees ·
            document: written from the documentation, and from it a second time for the tests
  RETRIES   resign: a retry is signed anew · repeat: the same bytes again · none: nothing is known

Examples:
  sallyport presets
  sallyport presets stripe
  sallyport presets --json | jq -r '.[] | select(.strength == "token") | .name'`)
    .action((name: string | undefined, { json }: { readonly json?: boolean }) => {
      const form = json === true ? 'json' : 'text'
      process.stdout.write(name === undefined ? list(form) : one(name, form))
    })
}

function list(form: 'json' | 'text'): string {
  const all = allPresetFacts()
  if (form === 'json') return `${JSON.stringify(all.map(summary), null, 2)}\n`
  return `${table(all)}\n${all.length} presets; \`sallyport presets NAME\` shows one in full\n`
}

function summary({ name, document, strength, algorithms, signs, open }: PresetFacts) {
  const { title, docs, checked, verifiedWith, retries, retain, challenge, risks } = document
  return { name, title, strength, algorithms, signs, open, verifiedWith, retries, retain, challenge, docs, checked, risks }
}

const columns: readonly (readonly [string, (facts: PresetFacts) => string])[] = [
  ['NAME', ({ name }) => name],
  ['STRENGTH', ({ strength }) => strength],
  ['PROOF', ({ document }) => document.verifiedWith ?? ''],
  ['RETRIES', ({ document }) => document.retries],
  ['LEAVES OPEN', ({ open }) => open.join(', ')],
  ['SENDER', ({ document }) => document.title ?? ''],
]

function table(all: readonly PresetFacts[]): string {
  const rows = [columns.map(([head]) => head), ...all.map((facts) => columns.map(([, cell]) => cell(facts)))]
  const widths = columns.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()).join('\n')
}

function one(name: string, form: 'json' | 'text'): string {
  const facts = presetFacts(name)
  if (facts === undefined) throw new UsageError(unknown(name))
  if (form === 'text') return inFull(facts)
  return `${JSON.stringify({ ...summary(facts), keys: facts.keys, parameters: facts.parameters, scheme: facts.document }, null, 2)}\n`
}

function unknown(name: string): string {
  const near = nearestPresets(name)
  return `there is no preset ${JSON.stringify(name)}; ${near.length === 0 ? '`sallyport presets` lists them' : `did you mean ${near.join(', ')}?`}`
}

const proofs = {
  vector: 'messages that the sender published',
  sdk: 'the library of the sender',
  document: 'the documentation, and a second implementation from it in the tests',
} as const

/** What of a preset is about it, and not how it signs. */
const about = new Set(['title', 'docs', 'checked', 'verifiedWith', 'retired', 'risks', 'parameters'])

function inFull(facts: PresetFacts): string {
  const { name, document, strength, keys, signs, parameters } = facts
  const { title, docs, checked, verifiedWith, risks = [] } = document
  const written = Object.fromEntries(Object.entries(writtenPreset(name) ?? {}).filter(([key]) => !about.has(key)))
  const settings = Object.entries(parameters).map(([key, { about: what, default: value }]) => (
    `    ${key}: ${what}${value === undefined ? '' : ` (left out: ${JSON.stringify(value)})`}`
  ))
  return [
    `${name}: ${title}`,
    `  ${docs} (read ${checked})`,
    '',
    `  strength   ${strength}: ${strengths[strength]}`,
    `  proven by  ${verifiedWith === undefined ? 'nothing' : proofs[verifiedWith]}`,
    `  signs      ${signs.join(', ') || 'nothing'}`,
    ...keys.map(({ under, form }) => `  ${under.padEnd(10)} ${form}`),
    ...(settings.length === 0 ? [] : ['', '  a route may set, and must where nothing stands for it:', ...settings]),
    ...(risks.length === 0 ? [] : ['', '  left open:', ...risks.map((risk) => `    - ${risk}`)]),
    '', '  in a route:', `    signature: ${example(facts)}`,
    '', '  how it signs:', ...stringify(written).trimEnd().split('\n').map((line) => `    ${line}`), '',
  ].join('\n')
}

function example({ name, document, keys, signs, parameters }: PresetFacts): string {
  const needed = Object.keys(parameters).filter((key) => parameters[key]?.default === undefined)
    .map((key) => `${key}: ${key === 'header' ? 'X-Example' : '…'}`)
  const url = signs.includes('url') ? [`publicUrl: https://hooks.example.com/${name}`] : []
  const under = keys[0]?.under
  if (under === undefined) return `{ ${[`preset: ${name}`, ...needed, ...url].join(', ')} }`
  const single = under === 'secrets' ? 'secret' : 'key'
  const reference = `"env:${name.toUpperCase().replace(/[^A-Z0-9]/g, '_')}_${single.toUpperCase()}"`
  const key = document.keyId === undefined ? reference : `{ id: "the sender's name for it", ${single}: ${reference} }`
  return `{ ${[`preset: ${name}`, ...needed, ...url, `${under}: [${key}]`].join(', ')} }`
}
