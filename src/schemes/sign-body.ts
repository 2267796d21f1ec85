import { bytesOf } from './encoding.ts'
import { parsePairs, type Pair } from './form.ts'
import { jsonPath, type Source } from './source.ts'

/** A text and the place in a body where it is to stand. */
export type Entry = readonly [source: Source, text: string]

/** Puts texts into a body, as a sender does that signs inside it: JSON, a form, or JSON in a field of a form. */
export function writeBody(body: Uint8Array, entries: readonly Entry[]): Uint8Array {
  const form = entries.some(([{ form }]) => form !== undefined)
  return form ? writeForm(body, entries) : Buffer.from(JSON.stringify(entries.reduce(setJson, readJson(body))))
}

function writeForm(body: Uint8Array, entries: readonly Entry[]): Uint8Array {
  const fields = new Map<string, string>(pairsOf(body))
  for (const entry of entries) {
    const [{ form = '', json }, text] = entry
    const value = json === undefined ? text : JSON.stringify(setJson(readJson(bytesOf(fields.get(form) ?? '')), entry))
    fields.set(form, value)
  }
  return Buffer.from([...fields].map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&'))
}

/** A body that is JSON is no form, though it could be read as one. */
function pairsOf(body: Uint8Array): readonly Pair[] {
  const text = Buffer.from(body).toString('latin1')
  return /^\s*[{[]/.test(text) ? [] : parsePairs(text) ?? []
}

function readJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    return {}
  }
}

/** The value with one more text in it; what stands in the way of the path is replaced. */
export function setJson(value: unknown, [source, text]: Entry): unknown {
  return setAt(value, jsonPath(source), text)
}

function setAt(value: unknown, [key, ...rest]: readonly string[], text: string): unknown {
  if (key === undefined) return text
  if (/^[0-9]{1,3}$/.test(key)) {
    const list: unknown[] = Array.isArray(value) ? [...value as unknown[]] : []
    list[Number(key)] = setAt(list[Number(key)], rest, text)
    return list
  }
  const map = typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}
  const own = Object.entries(map).find(([name]) => name === key)?.[1] as unknown
  return Object.fromEntries([...Object.entries(map).filter(([name]) => name !== key), [key, setAt(own, rest, text)]])
}
