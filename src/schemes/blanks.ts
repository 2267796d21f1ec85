/** A text without the blanks and tabs at its ends (RFC 9110 section 5.6.3), and with every other white space, which `trim` takes away. Linear. */
export function withoutBlanks(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isBlank(text.charCodeAt(start))) start += 1
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1
  return text.slice(start, end)
}

/** A blank or a tab. */
export function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}
