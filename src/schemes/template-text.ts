/**
 * The text of a template → its tokens. `{timestamp}.{body}`, `{header:x-request-id}`, `{query:data.id|lower}`,
 * `{body|sha256|hex}`; `{header?:name}` may be absent; a brace itself is doubled. Parsed once, at load.
 */
export type Token = Literal | Placeholder
export interface Literal { readonly literal: string }
export interface Placeholder {
  readonly name: PlaceholderName
  readonly argument: string
  /** Does an absent text count as empty? Otherwise it is a refusal. */
  readonly absent: 'empty' | 'refused'
  readonly filters: readonly FilterName[]
}

/** Placeholders that stand alone, and those that take an argument behind a colon. */
export const plainNames = [
  'body', 'timestamp', 'id', 'key-id', 'method', 'path', 'query', 'target', 'url', 'url-base', 'host', 'secret', 'form-pairs',
] as const
export const namedPlaces = ['header', 'query', 'json', 'form', 'form-php', 'field'] as const
export type PlaceholderName = typeof plainNames[number] | `${typeof namedPlaces[number]}:`

export const filterNames = ['md5', 'sha1', 'sha256', 'sha512', 'hex', 'base64', 'base64url', 'crc32', 'lower', 'upper'] as const
export type FilterName = typeof filterNames[number]

/** What is wrong with a template, for the operator. */
export interface TemplateMistake { readonly mistake: string }

export function parseTemplate(text: string): readonly Token[] | TemplateMistake {
  const tokens: Token[] = []
  let literal = ''
  let at = 0
  while (at < text.length) {
    const mark = text[at]
    if ((mark === '{' || mark === '}') && text[at + 1] === mark) {
      literal += mark
      at += 2
      continue
    }
    if (mark === '}') return { mistake: 'a } stands alone; a brace itself is written }}' }
    if (mark !== '{') {
      literal += mark
      at += 1
      continue
    }
    const end = text.indexOf('}', at)
    if (end === -1) return { mistake: 'a { is not closed; a brace itself is written {{' }
    const placeholder = parsePlaceholder(text.slice(at + 1, end))
    if ('mistake' in placeholder) return placeholder
    if (literal !== '') tokens.push({ literal })
    tokens.push(placeholder)
    literal = ''
    at = end + 1
  }
  if (literal !== '') tokens.push({ literal })
  return tokens
}

function parsePlaceholder(text: string): Placeholder | TemplateMistake {
  const [place = '', ...filters] = text.split('|')
  const unknown = filters.find((filter) => !isOneOf(filterNames, filter))
  if (unknown !== undefined) return { mistake: `there is no filter ${unknown}; there are ${filterNames.join(', ')}` }
  const colon = place.indexOf(':')
  const word = colon === -1 ? place : place.slice(0, colon)
  const name = word.endsWith('?') ? word.slice(0, -1) : word
  const argument = colon === -1 ? '' : place.slice(colon + 1)
  const known = colon === -1 ? isOneOf(plainNames, name) && word === name : isOneOf(namedPlaces, name) && argument !== ''
  if (!known) return { mistake: `there is no placeholder {${place}}; there are ${listed}` }
  return {
    name: (colon === -1 ? name : `${name}:`) as PlaceholderName,
    argument,
    absent: word === name ? 'refused' : 'empty',
    filters: filters as FilterName[],
  }
}

const listed = [...plainNames, ...namedPlaces.map((name) => `${name}:…`)].join(', ')

function isOneOf<T extends string>(names: readonly T[], name: string): name is T {
  return (names as readonly string[]).includes(name)
}

/** Does a template put this into the message, whole and unabridged? CRC-32 is no digest: anybody finds another body. */
export function mentions(tokens: readonly Token[], name: PlaceholderName): boolean {
  return tokens.some((token) => 'name' in token && token.name === name && !token.filters.includes('crc32'))
}
