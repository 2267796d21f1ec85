/**
 * Writes what chance makes to a gateway for as long as it is told to, and says what should not have been: every kind for a minute each, one kind
 * for longer, or what was said to have failed, again. `npm run fuzz -- --help`.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Argument, Command, Option } from 'commander'
import { count, optionsOf } from '../../bench/options.ts'
import { chanceOf, type Chance } from './chance.ts'
import type { Test } from '../support/gateway.ts'
import { answers } from './answers.ts'
import { smuggling } from './smuggling.ts'

/** Something to do again and again. A round gives what it found, each a line that says how to see it again. */
export interface Fuzzer { readonly round: (chance: Chance) => Promise<{ readonly tried: number; readonly findings: readonly string[] }> }

const kinds: Readonly<Record<string, (t: Test) => Promise<Fuzzer>>> = { smuggling, answers }

const command = new Command('npm run fuzz --')
  .description('Writes what chance makes to a gateway, and says what should not have been. Exit code 1 where anything was found.')
  .addArgument(new Argument('[kinds...]', 'what is made').choices(Object.keys(kinds)).default(Object.keys(kinds)))
  .option('--seconds <n>', 'how long, each kind', count, 60)
  .addOption(new Option('--seed <n>', 'where chance begins: the same seed makes the same').argParser(count).default(1 + Date.now() % 999_999_999, 'what the clock says'))
  .addHelpText('after', '\nExamples:\n  npm run fuzz\n  npm run fuzz -- smuggling --seconds 600\n  npm run fuzz -- smuggling --seed 7')
const { seconds, seed } = optionsOf<{ readonly seconds: number; readonly seed: number }>(command)
const [chosen] = command.processedArgs as [readonly string[]]

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
