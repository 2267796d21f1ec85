import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Approvals, approvalsFile, parseApprovals, printApprovals } from '../../src/config/approvals.ts'
import { ConfigurationFiles } from '../../src/config/files.ts'
import type { Problem } from '../../src/core/plan.ts'

const pin = (digit: string) => `sha256:${digit.repeat(64)}`

t.test('beside the configuration', async (t) => {
  for (const [file, expected] of [['/etc/sallyport.yaml', '/etc/sallyport.pins.yaml'], ['a.yml', 'a.pins.yaml'], ['conf', 'conf.pins.yaml'], ['yaml', 'yaml.pins.yaml']] as const) {
    t.equal(approvalsFile(file), expected)
  }
})

t.test('what is written is read again', async (t) => {
  for (const all of [[], [['a', [pin('0')]]], [['a', []], ['1.5', [pin('a'), pin('b')]], ['true', [pin('c')]]]] as [string, string[]][][]) {
    t.same([...parseApprovals(printApprovals(new Map(all)), 'x') ?? []], all)
  }
})

t.test('what is not ours does not count', async (t) => {
  for (const text of ['a: b', 'a: [x]', `a: ["${pin('A')}"]`, `a: ["${pin('0')}0"]`, '- a', 'a: [', `a: ["${pin('0')}"]\na: []`, 'text']) t.equal(parseApprovals(text, 'x'), undefined, text)
})

t.test('none, some, and a problem with its place', async (t) => {
  const directory = t.testdir({})
  const ask = () => {
    const told: Problem[] = []
    const files = new ConfigurationFiles(join(directory, 'sallyport.yaml'))
    const approvals = new Approvals(files, (problem) => told.push(problem))
    return { a: approvals.of('a'), b: approvals.of('b'), told, watched: [...files.all.keys()] }
  }
  t.match(ask(), { a: undefined, b: undefined, told: [], watched: [/sallyport\.yaml$/, /sallyport\.pins\.yaml$/] })
  writeFileSync(join(directory, 'sallyport.pins.yaml'), printApprovals(new Map([['a', [pin('0')]], ['b', []]])))
  t.same(ask().a, new Set(['0'.repeat(64)]))
  t.same(ask().b, new Set())
  writeFileSync(join(directory, 'sallyport.pins.yaml'), 'junk')
  t.match(ask().told, [{ path: ['routes'], what: /sallyport\.pins\.yaml does not hold/ }])
})
