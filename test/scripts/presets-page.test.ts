import { readFileSync } from 'node:fs'
import t from 'tap'
import { presetsPage } from '../../scripts/presets-page.ts'
import { presetNames } from '../../src/schemes/presets.ts'

t.test('docs/presets.md is what the presets say', async (t) => {
  const page = readFileSync(new URL('../../docs/presets.md', import.meta.url), 'utf8')
  t.ok(page === presetsPage(), 'it is fresh; if not, `npm run docs` makes it anew')
  for (const name of presetNames()) t.ok(page.includes(`| \`${name}\` | [`), name)
})
