import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'
import { checks } from '../../src/checks/index.ts'
import { checkConfiguration } from '../../src/cli/check.ts'
import { ConfigurationError } from '../../src/config/problems.ts'
import { secretText } from '../support/gateway.ts'
import { makeSite } from '../support/site.ts'
import { stillWorld } from '../support/world.ts'

/**
 * `test/golden/config/NAME.txt`: a configuration, ten dashes, and what `sallyport check` says of it. A new case is a
 * new file; `TAP_SNAPSHOT=1` writes the lower half.
 */
const folder = resolve(import.meta.dirname, '../golden/config')
const rule = '----------\n'

/** A new check shall not change every case. */
const proving = checks.filter(({ authenticates }) => authenticates).map(({ key }) => key).join(', ')

const site = await makeSite(t)
const world = stillWorld({ SECRET: secretText, EMPTY: '' })

for (const name of readdirSync(folder)) {
  const path = resolve(folder, name)
  const [yaml = '', expected] = readFileSync(path, 'utf8').split(rule)
  const said = `${await check(site.write('sallyport.yaml', yaml))}\n`.replaceAll(`${site.directory}/`, '').replaceAll(site.directory, '.')
    .replaceAll(proving, 'CHECKS')
  if (process.env['TAP_SNAPSHOT'] === '1') writeFileSync(path, `${yaml}${rule}${said}`)
  else t.equal(said, expected, name)
}

async function check(file: string): Promise<string> {
  try {
    return await checkConfiguration(file, world)
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message
    throw error
  }
}
