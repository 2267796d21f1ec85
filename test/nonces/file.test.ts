import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { fileStore } from '../../src/nonces/file.ts'
import { tryStore } from '../contracts/model.ts'
import { stillSubject } from '../contracts/still.ts'
import { testStore } from '../contracts/store.ts'

const root = t.testdir()
let copies = 0
let directory = join(root, '0')

const subject = stillSubject({
  name: 'file:', survives: 'commits',
  open: (tools) => fileStore(directory, tools),
  // What a kill -9 leaves: the files as the kernel has them.
  crash: () => {
    const next = join(root, String(++copies))
    cpSync(directory, next, { recursive: true, filter: (path) => !path.endsWith('.sock') })
    rmSync(join(root, String(copies - 2)), { recursive: true, force: true })
    directory = next
  },
  wipe: () => {
    directory = join(root, String(++copies))
    mkdirSync(directory)
  },
})

await t.test('as every store', (t) => testStore(t, subject))
await t.test('against the model', (t) => tryStore(subject, 1_000).then(() => t.pass('no interleaving breaks an invariant')))
