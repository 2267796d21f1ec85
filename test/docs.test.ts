import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import t from 'tap'
import { parse, stringify } from 'yaml'
import { checks } from '../src/checks/index.ts'
import { checkConfiguration } from '../src/cli/check.ts'
import { program } from '../src/cli/index.ts'
import { configuration } from '../src/config/schema.ts'
import { furnish, shipped } from './support/examples.ts'
import { secretText, type Test } from './support/gateway.ts'
import { pages, reasonRows } from './support/pages.ts'
import { stillWorld } from './support/world.ts'

/** What is written for people is true: every configuration loads, every command exists, every name is documented and no other. */
const root = resolve(import.meta.dirname, '..')
const read = (file: string): string => readFileSync(resolve(root, file), 'utf8')
const texts = ['README.md', 'SECURITY.md', 'CONTRIBUTING.md', ...readdirSync(resolve(root, 'docs'), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.md')).map((file) => `docs/${file}`)]

void t.test('pages that are made from the source are fresh: `npm run docs`', (t) => {
  for (const [file, make] of Object.entries(pages)) {
    if (process.env['TAP_SNAPSHOT'] === '1') writeFileSync(resolve(root, file), make())
    t.ok(read(file) === make(), `${file} is what \`npm run docs\` writes`)
  }
  t.end()
})

async function load(t: Pick<Test, 'testdir'>, yaml: string): Promise<string> {
  const directory = t.testdir({})
  const file = resolve(directory, 'sallyport.yaml')
  writeFileSync(file, await furnish(directory, yaml))
  const variables = [...yaml.matchAll(/env:([A-Z][A-Z0-9_]*)/g)].map(([, name]) => [name ?? '', `whsec_${Buffer.from(secretText).toString('base64')}`])
  return await checkConfiguration(file, stillWorld(Object.fromEntries(variables) as Record<string, string>))
}

void t.test('every example of config/ loads', async (t) => {
  t.ok(shipped.length >= 4)
  for (const file of shipped) await t.resolves(load(t, read(file)), file)
})

void t.test('every configuration in the documentation loads: whole ones as they are, parts in a whole one', async (t) => {
  let found = 0
  for (const file of texts) {
    for (const [, yaml = ''] of read(file).matchAll(/```yaml\n([^]*?)```/g)) {
      const tree = parse(yaml) as Record<string, unknown> | null
      const keys = Object.keys(tree ?? {})
      if (!keys.some((key) => Object.hasOwn(configuration.shape, key))) continue
      found += 1
      const name = `${file}: ${yaml.slice(0, 40).split('\n')[0]}`
      await t.resolves(load(t, ['listeners', 'routes', 'receivers'].every((key) => keys.includes(key)) ? yaml : completed(tree ?? {})), name)
    }
  }
  t.ok(found > 0)
})

interface Parts { readonly listeners: readonly object[]; readonly routes: readonly { readonly forward?: { readonly to: string } }[]; readonly receivers: object }

/** A part of a configuration, with what it leaves out taken from the one of `npm start`. */
function completed(part: Partial<Parts>): string {
  const whole = parse(read('config/sallyport.yaml')) as Parts
  const listeners = (part.listeners ?? []).map((listener) => ({ ...whole.listeners[0], ...listener }))
  const routes = (part.routes ?? []).map((route, at) => ({ name: `part-${at}`, match: { path: `/part-${at}` }, forward: { to: 'example' }, ...route }))
  const receivers = Object.fromEntries([...routes, ...whole.routes].map(({ forward }) => [forward?.to ?? 'example', { url: 'http://127.0.0.1:9000' }]))
  const text = { ...whole, ...part, receivers: { ...receivers, ...part.receivers } }
  return stringify({ ...text, ...(part.listeners && { listeners }), ...(part.routes && { routes }) }, { collectionStyle: 'flow' })
}

void t.test('every command in the documentation is one of ours, with options that it knows', async (t) => {
  const known = await program()
  const commands = known.commands.map((command) => command.name())
  for (const file of texts) {
    for (const [, line = ''] of read(file).matchAll(/(?:^|[`\n] *)(sallyport [a-z][^`\n]*)/g)) {
      const [, command = '', second = ''] = line.split(/\s+/)
      if (!/^[a-z]+$/.test(command) || !line.startsWith(`sallyport ${command}`)) continue
      t.ok(commands.includes(command), `${file}: ${line}`)
      const ours = known.commands.find((one) => one.name() === command)
      const help = (ours?.commands.find((one) => one.name() === second) ?? ours)?.helpInformation() ?? ''
      for (const [, option] of line.matchAll(/ (--[a-z][a-z0-9-]*)/g)) t.ok(help.includes(option ?? ''), `${file}: ${line}: ${option}`)
    }
  }
  for (const command of commands) t.ok(read('README.md').includes(`sallyport ${command}`), `README names \`sallyport ${command}\``)

})

void t.test('npm scripts in the documentation exist', (t) => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  for (const file of texts) {
    for (const [, name = ''] of read(file).matchAll(/npm run ([a-z][a-z:-]*)/g)) t.ok(Object.hasOwn(scripts, name), `${file}: npm run ${name}`)
  }
  t.end()
})

void t.test('README names every check and every reason, and no check that is not there', (t) => {
  const readme = read('README.md')
  const table = readme.slice(readme.indexOf('## Checks'), readme.indexOf('## Presets'))
  const named = [...table.matchAll(/^\| `([a-zA-Z]+):`/gm)].map(([, key]) => key).sort()
  t.same(named, checks.map(({ key }) => key).sort())
  const rows = reasonRows()
  for (const file of texts) {
    for (const [, code = ''] of read(file).matchAll(/\| `([a-z]+(?:-[a-z]+)+)` \| (?:\d{3}|dropped) /g)) t.ok(rows.has(code), `${file}: ${code}`)
  }
  for (const check of checks) for (const code of Object.keys(check.reasons)) t.ok(read('docs/reasons.md').includes(`\`${code}\``), code)
  t.end()
})

void t.test('presets that README names are shipped, and docs/presets.md lists all of them', (t) => {
  const readme = read('README.md')
  const section = readme.slice(readme.indexOf('## Presets'), readme.indexOf('## Operations'))
  const named = [...section.matchAll(/`([a-z][a-z0-9-]*)`/g)].map(([, name]) => name).sort()
  const shipped = readdirSync(resolve(root, 'config/presets')).map((file) => file.replace('.yaml', '')).sort()
  t.same(shipped.filter((name) => !read('docs/presets.md').includes(`\`${name}\``)), [], 'docs/presets.md lists all of them')
  t.same(named.filter((name) => !shipped.includes(name ?? '')), [], 'what README names is shipped')
  t.end()
})

void t.test('links lead somewhere', (t) => {
  for (const file of texts) {
    for (const [, target = ''] of read(file).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
      t.doesNotThrow(() => readFileSync(resolve(root, dirname(file), target)), `${file} → ${target}`)
    }
  }
  t.end()
})
