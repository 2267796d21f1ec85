/**
 * Counts the steps of work on texts: what is scanned by the methods of strings and by regular expressions. A figure that two
 * machines agree on, where a clock's would be the weather's.
 */
export function workOf(run: () => unknown): number {
  const counter = countWork()
  try {
    run()
  } finally {
    counter.stop()
  }
  return counter.steps()
}

/** The same of what takes several turns; nothing else may run meanwhile. */
export async function workOfAll(run: () => unknown): Promise<number> {
  const counter = countWork()
  try {
    await run()
  } finally {
    counter.stop()
  }
  return counter.steps()
}

function countWork(): { readonly steps: () => number; readonly stop: () => void } {
  let steps = 0
  const text = String.prototype as unknown as Record<string, Method>
  const counted: readonly [Record<string, Method>, string, Cost][] = [
    ...['charCodeAt', 'startsWith', 'slice', 'endsWith'].map((name): [Record<string, Method>, string, Cost] => [text, name, () => 1]),
    ...['indexOf', 'lastIndexOf'].map((name): [Record<string, Method>, string, Cost] => [text, name, (self, [, from], found) => scanned(String(self), from, found)]),
    ...['includes', 'split', 'toLowerCase', 'toUpperCase', 'trim'].map((name): [Record<string, Method>, string, Cost] => [text, name, (self) => String(self).length]),
    [RegExp.prototype as unknown as Record<string, Method>, 'exec', (_, [subject], found, from) => matched(String(subject), found as RegExpExecArray | null, from)],
    [Array.prototype as unknown as Record<string, Method>, 'indexOf', (self) => (self as unknown[]).length],
    [Array.prototype as unknown as Record<string, Method>, 'includes', (self) => (self as unknown[]).length],
    [Array.prototype as unknown as Record<string, Method>, 'filter', (self) => (self as unknown[]).length],
    [Array.prototype as unknown as Record<string, Method>, 'push', (_, given) => given.length],
  ]
  const restore = counted.map(([owner, name, cost]) => {
    const method = owner[name] as Method
    let inside = false
    owner[name] = function counting(this: unknown, ...given: unknown[]): unknown {
      const from = this instanceof RegExp ? this.lastIndex : 0
      const result = method.apply(this, given)
      if (inside) return result
      inside = true
      steps += cost(this, given, result, from)
      inside = false
      return result
    }
    return () => { owner[name] = method }
  })
  return { steps: () => steps, stop: () => { for (const back of restore) back() } }
}

type Method = (...given: unknown[]) => unknown
type Cost = (self: unknown, given: readonly unknown[], result: unknown, from: number) => number

function scanned(text: string, from: unknown, found: unknown): number {
  const start = typeof from === 'number' ? from : 0
  return Math.max(1, (found === -1 ? text.length : found as number) - start)
}

/** From where the last match ended, where the expression is global. */
function matched(subject: string, found: RegExpExecArray | null, from: number): number {
  return Math.max(1, (found === null ? subject.length : found.index + found[0].length) - from)
}
