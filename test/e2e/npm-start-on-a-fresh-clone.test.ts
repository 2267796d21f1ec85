import { spawn } from 'node:child_process'
import { promisify } from 'node:util'
import { execFile } from 'node:child_process'
import { cpSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'
import { bare, watch } from '../support/binary.ts'
import { unhurried } from '../support/operated.ts'
import { freePorts } from '../support/ports.ts'

/** `npm ci && npm start`, then the command that it prints, twice. */
const root = resolve(import.meta.dirname, '../..')

void t.test('the printed command gets 200, the same again 409, and Ctrl-C drains', async (t) => {
  const copy = t.testdir({})
  for (const name of ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'src', 'config']) {
    cpSync(resolve(root, name), resolve(copy, name), { recursive: true })
  }
  symlinkSync(resolve(root, 'node_modules'), resolve(copy, 'node_modules'))
  // Only the ports differ from what a stranger runs, and how late it may be: several tests run at a time.
  const config = resolve(copy, 'config/sallyport.yaml')
  const [gateway, receiver, admin] = await freePorts(3)
  writeFileSync(config, readFileSync(config, 'utf8').replace('8443', String(gateway)).replace('9000', String(receiver)).replace('9901', String(admin)).replace('\nlimits:\n', `\nlimits:\n  eventLoopDelay: ${unhurried.eventLoopDelay}\n`))

  const started = watch(spawn(...bare('npm', 'start'), { cwd: copy, stdio: ['ignore', 'pipe', 'pipe'], detached: true }))
  t.teardown(async () => {
    try {
      process.kill(-started.pid, 'SIGKILL')
    } catch {
      // It is gone, as it should be.
    }
    await started.exited
  })
  const [command] = await started.says(/curl [^]*?\/example\n/)
  const curl = async (): Promise<string> => (await promisify(execFile)('sh', ['-c', `${command.trim()} --silent`], { cwd: copy })).stdout
  t.match(await curl(), /^HTTP\/1\.1 200 OK\r\n/)
  t.match(await curl(), /^HTTP\/1\.1 409 Conflict\r\n[^]*"reason":"replayed"/)
  for (const key of ['server.key', 'sender.key', 'ca.key', 'example.secret']) t.equal(statSync(resolve(copy, 'certs', key)).mode & 0o777, 0o600, key)

  // Ctrl-C reaches everybody in the terminal.
  process.kill(-started.pid, 'SIGINT')
  await started.says(/"drained"/)
  await started.exited
})
