import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ConfigurationFiles, fingerprint } from '../../src/config/files.ts'

t.test('a file that is read ahead is the one that is read, until it is forgotten', async (t) => {
  const directory = t.testdir({ list: 'one', long: 'x'.repeat(11) })
  const files = new ConfigurationFiles(join(directory, 'sallyport.yaml'))
  const ahead = await files.readAhead('list', 10)
  const then = fingerprint(join(directory, 'list'))
  writeFileSync(join(directory, 'list'), 'two and more')
  t.equal(files.read('list', 10), ahead, 'the very bytes')
  t.equal(await files.readAhead('list', 10), ahead)
  t.equal(files.all.get(join(directory, 'list')), then, 'noted as it was before: the change is a reason to reload')
  files.forget()
  t.same(files.read('list', 100), Buffer.from('two and more'))
  for (const [name, fault] of [['nowhere', 'does not exist'], ['.', 'is a directory'], ['long', 'holds more than 10 bytes']] as const) {
    t.same(await files.readAhead(name, 10), { fault }, name)
    t.same(files.read(name, 10), { fault }, name)
  }
})
