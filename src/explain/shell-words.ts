import type { Unreadable } from './recorded.ts'

/** Escapes of `$'…'` (Bash manual, ANSI-C quoting) that "Copy as cURL" of browsers writes. */
const escapes = new Map([['n', '\n'], ['r', '\r'], ['t', '\t'], ['0', '\0'], ['a', '\x07'], ['b', '\b'], ['f', '\f'], ['v', '\v']])

/** The words of one shell command: quotes and escapes, nothing that a shell would expand. */
export function shellWords(text: string): string[] | Unreadable {
  const words: string[] = []
  let word: string | undefined
  let rest = text
  while (rest !== '') {
    const token = nextToken(rest)
    if (token === undefined) return { unreadable: `a quote is not closed: ${JSON.stringify(rest.slice(0, 40))}` }
    rest = rest.slice(token.length)
    if (token.text !== undefined) word = (word ?? '') + token.text
    else if (word !== undefined) {
      words.push(word)
      word = undefined
    }
  }
  return word === undefined ? words : [...words, word]
}

/** A piece of a word, or (text undefined) what stands between words. */
function nextToken(rest: string): { readonly length: number; readonly text: string | undefined } | undefined {
  const space = /^(\s|\\\r?\n)+/.exec(rest)
  if (space !== null) return { length: space[0].length, text: undefined }
  const single = /^'([^']*)'/.exec(rest)
  if (single !== null) return { length: single[0].length, text: single[1] ?? '' }
  const ansi = /^\$'((?:[^'\\]|\\[^])*)'/.exec(rest)
  if (ansi !== null) return { length: ansi[0].length, text: unescapeAnsi(ansi[1] ?? '') }
  const double = /^"((?:[^"\\]|\\[^])*)"/.exec(rest)
  if (double !== null) return { length: double[0].length, text: (double[1] ?? '').replace(/\\(\r?\n|["\\$`])/g, (_, one: string) => (one.endsWith('\n') ? '' : one)) }
  const plain = /^(?:[^\s'"\\$]|\$(?!'))+/.exec(rest)
  if (plain !== null) return { length: plain[0].length, text: plain[0] }
  const escaped = /^\\([^])/.exec(rest)
  return escaped === null ? undefined : { length: 2, text: escaped[1] ?? '' }
}

function unescapeAnsi(text: string): string {
  return text.replace(/\\(x[0-9A-Fa-f]{1,2}|u[0-9A-Fa-f]{1,4}|[^])/g, (_, escape: string) => {
    if (escape.length > 1) return String.fromCodePoint(Number(`0x${escape.slice(1)}`))
    return escapes.get(escape) ?? escape
  })
}
