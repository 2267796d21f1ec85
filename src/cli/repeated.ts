/** Of an option that may be given several times: what was given before, and this. Undefined before the first (commander, "custom option processing"). */
export function repeated(one: string, before: readonly string[] = []): readonly string[] {
  return [...before, one]
}
