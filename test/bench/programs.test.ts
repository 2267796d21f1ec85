import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'
import { bare, watch, type Exit } from '../support/binary.ts'

/** What is started by hand to measure says what it takes, and measures nothing where it is told what it does not know. */
const root = resolve(import.meta.dirname, '../..')
const loader = resolve(root, 'test/typescript/register.mjs')
const { scripts } = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
/** By the name of its npm script, its source. */
const programs = Object.entries(scripts).flatMap(([name, command]): [string, string][] => {
  const built = /^node build\/(\S+)\.js$/.exec(command)
  return built === null ? [] : [[name, `${built[1]}.ts`]]
})
const texts = ['README.md', 'CONTRIBUTING.md', ...readdirSync(resolve(root, 'docs'), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.md')).map((file) => `docs/${file}`)]
  .map((file) => readFileSync(resolve(root, file), 'utf8'))

function run(...command: readonly string[]): Promise<Exit> {
  return watch(spawn(...bare(...command), { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })).exited
}

t.ok(programs.length >= 8, 'the programs are found')
for (const [name, file] of programs) {
  void t.test(`npm run ${name}`, async (t) => {
    const program = [process.execPath, `--import=${loader}`, file]
    const { code, stdout, stderr: said } = await run(...program, '--no-such-option')
    t.match({ code, stdout }, { code: 2, stdout: '' })
    t.match(said, /^error: unknown option '--no-such-option'\n/)
    t.match(said, new RegExp(`\nUsage: npm run ${name} -- \\[options\\]`))
    t.match(said, /\nExamples:\n {2}npm run /)
    const named = [said, ...texts].flatMap((text) => [...text.matchAll(/npm run ([a-z:]+) -- ([^`\n]*)/g)]).filter(([, script]) => script === name)
    for (const [line, , rest = ''] of named) for (const [option] of rest.matchAll(/--[a-z]+/g)) t.ok(new RegExp(` ${option}\\b`).test(said), line)
  })
}

void t.test('who asks gets help, and nothing else', async (t) => {
  const { code, stdout, stderr } = await run(process.execPath, `--import=${loader}`, 'bench/upload.ts', '--help')
  t.match({ code, stderr }, { code: 0, stderr: '' })
  t.match(stdout, /^Usage: npm run soak:upload /)
})

void t.test('a value that is no value ends with 2, as does a word too many', async (t) => {
  const program = [process.execPath, `--import=${loader}`, 'bench/gateway.ts']
  t.match(await run(...program, '--rounds', 'many'), { code: 2, stdout: '', stderr: /--rounds <n>.*whole number/ })
  t.match(await run(...program, '--only', 'apache'), { code: 2, stdout: '', stderr: /nginx,haproxy,caddy,bare,sallyport/ })
  t.match(await run(...program, 'nginx'), { code: 2, stdout: '', stderr: /too many arguments/ })
})

void t.test('bench/compare.sh', async (t) => {
  t.match(await run('bench/compare.sh', '--help'), { code: 0, stdout: /Example: bench\/compare\.sh main/, stderr: '' })
  t.match(await run('bench/compare.sh'), { code: 2, stdout: '', stderr: /^bench\/compare\.sh REF/ })
  t.match(await run('bench/compare.sh', '--rounds', '1'), { code: 2, stdout: '', stderr: /^bench\/compare\.sh REF/ })
  t.match(await run('bench/compare.sh', 'no-such-reference'), { code: 2, stdout: '', stderr: /no-such-reference is no commit/ })
})
