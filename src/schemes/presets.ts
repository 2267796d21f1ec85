import { readdirSync, readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { z } from 'zod'
import { editDistance } from '../core/edit-distance.ts'
import { schemeSchema, type SchemeDocument } from './document.ts'

/** The schemes that ship with the project: `config/presets/NAME.yaml`, found beside `src/` and beside `dist/`. */
const folder = new URL('../../config/presets/', import.meta.url)

/** What a preset file holds besides a scheme. */
const presetSchema = z.looseObject({
  extends: z.string().optional().describe('The preset that this one is like; keys written here stand in place of its keys.'),
  with: z.record(z.string(), z.unknown()).optional().describe('Values for parameters of the preset that this one extends.'),
  parameters: z.record(z.string(), z.strictObject({
    about: z.string().describe('What the operator writes there.'),
    default: z.unknown().optional().describe('What it is where nothing is written; null: the key is left out. Without a default it must be written.'),
  })).optional().describe('What a route may set beside `preset`; `$(name)` as a whole value is replaced by it.'),
})
type Preset = z.output<typeof presetSchema>

/** Every preset, in alphabetical order. */
export function presetNames(): readonly string[] {
  return readdirSync(folder).filter((file) => file.endsWith('.yaml')).map((file) => file.slice(0, -5)).sort()
}

/** The file of a preset as it is written; undefined where there is none of this name. */
export function presetText(name: string): string | undefined {
  return presetNames().includes(name) ? readFileSync(new URL(`${name}.yaml`, folder), 'utf8') : undefined
}

/** The names nearest to one that does not exist, by their letters or by what the sender calls itself (`twitter` is `x`). */
export function nearestPresets(name: string): readonly string[] {
  const letters = name.toLowerCase()
  const near = presetNames().map((known) => {
    const inside = known.includes(letters) || (letters !== '' && titleOf(known).toLowerCase().includes(letters))
    return { known, distance: inside ? 0 : editDistance(known, letters) }
  })
  return near.filter(({ distance }) => distance <= 3).sort((one, other) => one.distance - other.distance).slice(0, 3).map(({ known }) => known)
}

function titleOf(name: string): string {
  return /^title: (.*)$/m.exec(presetText(name) ?? '')?.[1] ?? ''
}

export type Parameters = Readonly<Record<string, unknown>>

export type ResolvedPreset =
  | { readonly document: SchemeDocument }
  /** Parameters that the preset does not take, and that it must have; or what is wrong with a document made of them. */
  | { readonly unknown: readonly string[]; readonly missing: readonly string[]; readonly invalid: string | undefined }

const resolved = new Map<string, SchemeDocument>()

/** A preset with its parameters worked in. Undefined: there is none of this name. Throws for a preset that is broken itself. */
export function resolvePreset(name: string, parameters: Parameters = {}): ResolvedPreset | undefined {
  const plain = Object.keys(parameters).length === 0
  const known = plain ? resolved.get(name) : undefined
  if (known !== undefined) return { document: known }
  const preset = readPreset(name)
  if (preset === undefined) return undefined
  const declared = preset.parameters ?? {}
  const unknown = Object.keys(parameters).filter((key) => !Object.hasOwn(declared, key))
  const missing = Object.keys(declared).filter((key) => declared[key]?.default === undefined && parameters[key] === undefined)
  if (unknown.length > 0 || missing.length > 0) return { unknown, missing, invalid: undefined }
  const parsed = schemeSchema.safeParse(schemeOf(preset, parameters))
  if (!parsed.success && plain) throw new Error(`preset ${name}: ${z.prettifyError(parsed.error)}`)
  if (!parsed.success) return { unknown, missing, invalid: z.prettifyError(parsed.error) }
  if (plain) resolved.set(name, parsed.data)
  return { document: parsed.data }
}

/** The parameters that a preset takes, and what for. */
export function presetParameters(name: string): NonNullable<Preset['parameters']> {
  return readPreset(name)?.parameters ?? {}
}

/** A preset as it is written, whatever it extends worked in; `$(name)` stands where a parameter goes. Undefined: there is none. */
export function writtenPreset(name: string): Readonly<Record<string, unknown>> | undefined {
  return readPreset(name)
}

function readPreset(name: string): Preset | undefined {
  const text = presetText(name)
  if (text === undefined) return undefined
  const preset = presetSchema.parse(parse(text))
  if (preset.extends === undefined) return preset
  const parent = readPreset(preset.extends)
  if (parent === undefined) throw new Error(`preset ${name} extends ${preset.extends}, which does not exist`)
  const { extends: _, with: values, ...own } = preset
  return presetSchema.parse(merge({ ...schemeOf(parent, values ?? {}), parameters: undefined }, own))
}

/** The scheme of a preset, its parameters replaced. */
function schemeOf({ extends: _, with: __, parameters: declared = {}, ...scheme }: Preset, values: Parameters): Record<string, unknown> {
  return substitute(scheme, (name) => values[name] ?? declared[name]?.default) as Record<string, unknown>
}

const parameter = /^\$\(([A-Za-z]+)\)$/

/** Replaces each text that is wholly `$(name)`; a value of null takes its key away. Nothing is spliced into other text. */
function substitute(value: unknown, valueOf: (name: string) => unknown): unknown {
  if (typeof value === 'string') {
    const name = parameter.exec(value)?.[1]
    return name === undefined ? value : valueOf(name)
  }
  if (Array.isArray(value)) return value.map((item) => substitute(item, valueOf))
  if (!isMap(value)) return value
  const entries = Object.entries(value).map(([key, item]) => [key, substitute(item, valueOf)] as const)
  return Object.fromEntries(entries.filter(([, item]) => item !== null && item !== undefined))
}

/** Maps are merged key by key; anything else stands in place of what was there. */
function merge(base: unknown, own: unknown): unknown {
  if (!isMap(base) || !isMap(own)) return own
  const merged = new Map(Object.entries(base))
  for (const [key, value] of Object.entries(own)) merged.set(key, merge(merged.get(key), value))
  return Object.fromEntries([...merged].filter(([, value]) => value !== undefined))
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
