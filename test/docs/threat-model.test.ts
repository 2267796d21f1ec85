import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'

/** Every row of docs/threat-model.md names tests that are there: a file below `test/`, and in it a title, a row of a table, or an assertion's text. */
const root = resolve(import.meta.dirname, '../..')
const page = readFileSync(resolve(root, 'docs/threat-model.md'), 'utf8')
const held = page.slice(page.indexOf('## Mistakes of others'))
const rows = [...held.matchAll(/^\|([^|]+)\|([^|]*)\|([^|]+)\|$/gm)].map((cells) => cells.map((cell) => cell.trim())).filter(([, first]) => first !== 'class' && first !== '---')

t.ok(rows.length > 40, 'the rows are found')
t.equal(rows.length, [...held.matchAll(/^\| /gm)].length - 2 * [...held.matchAll(/^### /gm)].length, 'every line of the tables is read')

for (const [, name = '', , tests = ''] of rows) {
  t.test(name, (t) => {
    let text = ''
    let count = 0
    t.match(tests, /^(`[^`]+`( \*[^*]+\*(; \*[^*]+\*)*)?(; |$))+$/, 'files, each with its tests')
    for (const [, file, title = ''] of tests.matchAll(/`([^`]+)`|\*([^*]+)\*/g)) {
      if (file !== undefined) {
        const path = resolve(root, 'test', file.endsWith('.txt') ? file : `${file}.test.ts`)
        t.ok(existsSync(path), `${file} is there`)
        text = existsSync(path) ? readFileSync(path, 'utf8') : ''
      }
      t.ok(text.includes(title), `${file ?? 'it'} has ${JSON.stringify(title)}`)
      count++
    }
    t.ok(count > 0)
    t.end()
  })
}

t.test('CVEs stand there as they are written', (t) => {
  for (const [one] of page.matchAll(/CVE-[^\s,|)]+/g)) t.match(one, /^CVE-20\d\d-\d{4,6}[;.]?$/)
  t.end()
})
