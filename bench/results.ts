import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'

/** `bench/RESULTS.md`, seen from `build/bench/`. */
const file = fileURLToPath(new URL('../../bench/RESULTS.md', import.meta.url))

const opening = `# Results

Everything between two marks is written by a script (\`npm run bench\`, \`npm run soak\`, …); what stands outside the marks is
written by hand and kept. Absolute times belong to one machine and one day: read the ratios.
`

/** Puts a script's section in its place in RESULTS.md, between its marks; everything else stays as it is. */
export function writeSection(name: string, markdown: string): void {
  const begin = `<!-- begin ${name}: written by script -->`
  const end = `<!-- end ${name} -->`
  const old = existsSync(file) ? readFileSync(file, 'utf8') : opening
  const section = `${begin}\n${markdown.trim()}\n${end}`
  const from = old.indexOf(begin)
  const to = old.indexOf(end)
  const fresh = from === -1 || to === -1 ? `${old.trimEnd()}\n\n${section}\n` : old.slice(0, from) + section + old.slice(to + end.length)
  writeFileSync(file, fresh)
}

/** A Markdown table; the first column is text, the others are figures. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, at) => at === 0 ? '---' : '---:')), ...rows.map(line)].join('\n')
}

/** When, on what machine, at which commit. */
export function circumstances(): string {
  const { model } = cpus()[0] ?? { model: 'unknown processor' }
  return `${new Date().toISOString().slice(0, 10)}, commit ${commit()}, ${cpus().length} × ${model.trim()}, ` +
    `${Math.round(totalmem() / 1024 ** 3)} GiB, Linux ${release().split('-')[0]}`
}

function commit(): string {
  const git = (...parameters: string[]): string => execFileSync('git', parameters, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', 'src') === '' ? '' : ' with changes')
  } catch {
    return 'unknown'
  }
}

/** The middle one; of an even number the mean of the two in the middle. */
export function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b)
  const half = Math.floor(sorted.length / 2)
  const upper = sorted[half] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? Number.NaN) + upper) / 2
}
