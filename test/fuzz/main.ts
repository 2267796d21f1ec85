/**
 * Writes what chance makes to a gateway for as long as it is told to, and says what should not have been:
 *
 *     npm run fuzz                                # every kind, a minute each
 *     npm run fuzz -- smuggling --seconds 600     # one kind, ten minutes
 *     npm run fuzz -- smuggling --seed 7          # what was said to have failed, again
 *
 * Ends with 1 where anything was found.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { chanceOf, type Chance } from './chance.ts'
import type { Test } from '../support/gateway.ts'
import { answers } from './answers.ts'
import { smuggling } from './smuggling.ts'

/** Something to do again and again. A round gives what it found, each a line that says how to see it again. */
export interface Fuzzer { readonly round: (chance: Chance) => Promise<{ readonly tried: number; readonly findings: readonly string[] }> }

const kinds: Readonly<Record<string, (t: Test) => Promise<Fuzzer>>> = { smuggling, answers }

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string', default: String(Date.now() % 1_000_000_000) } },
})
const seconds = Number(values.seconds)
const seed = Number(values.seed)
const chosen = positionals.length === 0 ? Object.keys(kinds) : positionals
const unknown = chosen.filter((name) => !Object.hasOwn(kinds, name))
if (unknown.length > 0 || !(seconds > 0) || !Number.isSafeInteger(seed)) {
  console.error(`usage: npm run fuzz -- [${Object.keys(kinds).join(' | ')}] [--seconds N] [--seed N]`)
  process.exit(2)
}

let found = 0
for (const name of chosen) found += await fuzz(name)
process.exitCode = found === 0 ? 0 : 1

async function fuzz(name: string): Promise<number> {
  const { test, end } = place()
  const fuzzer = await (kinds[name] as (t: Test) => Promise<Fuzzer>)(test)
  const chance = chanceOf(seed)
  const until = performance.now() + seconds * 1_000
  let [tried, findings, told] = [0, 0, 0]
  while (performance.now() < until) {
    const round = await fuzzer.round(chance)
    tried += round.tried
    findings += round.findings.length
    for (const finding of round.findings) console.log(`${name}: ${finding}`)
    if (performance.now() - told < 5_000) continue
    told = performance.now()
    console.log(`${name}: seed ${seed}, ${tried} tried, ${findings} found, ${Math.max(0, Math.round((until - told) / 1_000))} s to go`)
  }
  await end()
  console.log(`${name}: seed ${seed}, ${tried} tried, ${findings} found`)
  return findings
}

/** What tests have from their runner: directories of their own, and an end. */
function place(): { readonly test: Test; readonly end: () => Promise<void> } {
  const teardowns: (() => unknown)[] = []
  const testdir = (files: Record<string, string>): string => {
    const directory = mkdtempSync(join(tmpdir(), 'sallyport-fuzz-'))
    teardowns.unshift(() => rmSync(directory, { recursive: true }))
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(directory, name)), { recursive: true })
      writeFileSync(join(directory, name), text)
    }
    return directory
  }
  return {
    test: { testdir, teardown: (run) => teardowns.push(run) },
    end: async () => { for (const run of teardowns.toReversed()) await run() },
  }
}
