import { parseAuthority, type Authority } from '../core/host.ts'

/**
 * The request target (RFC 9112 §3.2): origin form, or absolute form with an authority. It is matched and forwarded byte
 * for byte, so a spelling that a receiver could read as another path is no spelling at all: dot segments, encoded or
 * not, empty segments, backslashes, parameters behind `;`, fragments, encoded delimiters, overlong UTF-8.
 */
export interface TargetParts {
  readonly path: string
  readonly query: string | undefined
  /** Of an absolute-form target. */
  readonly authority: (Authority & { readonly scheme: 'http' | 'https' }) | undefined
}

/** What is wrong with a target, as a word for the audit record; undefined where nothing is. */
export function inspectTarget(target: string): string | undefined {
  const start = originStart(target)
  if (start === -1) return 'target-form'
  const escapes = inspectBytes(target, start)
  if (escapes === 'plain' || escapes === 'escaped') return inspectShape(target, start, escapes)
  return escapes
}

/** Splits a target that `inspectTarget` found nothing wrong with. */
export function splitTarget(target: string): TargetParts {
  const start = originStart(target)
  const question = target.indexOf('?', start)
  const path = question === -1 ? target.slice(start) : target.slice(start, question)
  const query = question === -1 ? undefined : target.slice(question + 1)
  return { path: path === '' ? '/' : path, query, authority: start === 0 ? undefined : authorityOf(target.slice(0, start)) }
}

const slash = 0x2f
const percent = 0x25
const questionMark = 0x3f
const dot = 0x2e

/** Where path and query begin: 0 in origin form, behind the authority in absolute form; -1 in any other. */
function originStart(target: string): number {
  if (target.charCodeAt(0) === slash) return 0
  const scheme = schemeOf(target)
  if (scheme === undefined) return -1
  const start = scheme.length + 3
  const end = endOfAuthority(target, start)
  return parseAuthority(target.slice(start, end)) === undefined ? -1 : end
}

function endOfAuthority(target: string, start: number): number {
  for (let at = start; at < target.length; at++) {
    const code = target.charCodeAt(at)
    if (code === slash || code === questionMark) return at
  }
  return target.length
}

function schemeOf(target: string): 'http' | 'https' | undefined {
  const head = target.slice(0, 8).toLowerCase()
  if (head === 'https://') return 'https'
  return head.startsWith('http://') ? 'http' : undefined
}

function authorityOf(prefix: string): (Authority & { readonly scheme: 'http' | 'https' }) | undefined {
  const scheme = schemeOf(prefix)
  const authority = scheme === undefined ? undefined : parseAuthority(prefix.slice(scheme.length + 3))
  return scheme === undefined || authority === undefined ? undefined : { ...authority, scheme }
}

/** Visible ASCII without `#`, `;` and backslash, and every `%` with its two hex digits. */
function inspectBytes(target: string, start: number): 'plain' | 'escaped' | 'target-bytes' | 'target-escape' {
  let escapes: 'plain' | 'escaped' = 'plain'
  for (let at = start; at < target.length; at++) {
    const code = target.charCodeAt(at)
    if (code <= 0x20 || code >= 0x7f || code === 0x23 || code === 0x3b || code === 0x5c) return 'target-bytes'
    if (code !== percent) continue
    const value = escaped(target, at)
    if (value === -1 || value === 0) return 'target-escape'
    escapes = 'escaped'
  }
  return escapes
}

/** The byte behind the `%` at this place; -1 where no two hex digits follow. */
function escaped(text: string, at: number): number {
  const high = hexDigit(text.charCodeAt(at + 1))
  const low = hexDigit(text.charCodeAt(at + 2))
  return high === -1 || low === -1 ? -1 : high * 16 + low
}

/** NaN, as `charCodeAt` answers behind the end, is no digit. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

/** The path: no empty segment but the last, no dot segment, no escape that stands for a delimiter. */
function inspectShape(target: string, start: number, escapes: 'plain' | 'escaped'): string | undefined {
  let segment = start + 1
  let at = start
  for (; at < target.length; at++) {
    const code = target.charCodeAt(at)
    if (code === questionMark) break
    if (code === percent && isDelimiter(escaped(target, at))) return 'target-escape'
    if (code !== slash || at === start) continue
    if (at === segment) return 'target-empty-segment'
    if (isDots(target, segment, at)) return 'target-dots'
    segment = at + 1
  }
  if (isDots(target, segment, at)) return 'target-dots'
  return escapes === 'escaped' && !isUtf8(target.slice(start, at)) ? 'target-escape' : undefined
}

function isDots(text: string, from: number, to: number): boolean {
  if (text.charCodeAt(from) !== dot) return false
  return to - from === 1 || (to - from === 2 && text.charCodeAt(from + 1) === dot)
}

/** Control bytes, and what has a meaning in a path: once some receiver decodes it, the path is another. */
function isDelimiter(byte: number): boolean {
  return byte < 0x20 || byte === 0x7f || '#%./;?\\'.includes(String.fromCharCode(byte))
}

function isUtf8(path: string): boolean {
  try {
    decodeURIComponent(path)
    return true
  } catch {
    return false
  }
}
