import { readdirSync, readFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import t from 'tap'

/** Who may import whom. A room that is not in the table may import nothing. */
const root = resolve(import.meta.dirname, '../src')

const allowed: Record<string, readonly string[]> = {
  core: [],
  http1: ['core'],
  addresses: ['core'],
  certificates: ['core'],
  schemes: ['core', 'node-http.ts', 'certificates'],
  nonces: ['core'],
  outside: ['core'],
  tokens: ['core'],
  checks: ['core', 'addresses', 'certificates', 'schemes', 'tokens'],
  listen: ['core', 'node-http.ts', 'http1', 'addresses', 'certificates'],
  forward: ['core', 'node-http.ts', 'http1'],
  audit: ['core'],
  admin: ['core', 'node-http.ts'],
  config: ['core', 'checks', 'schemes', 'addresses'],
  pki: ['core'],
  cli: ['core', 'addresses', 'certificates', 'outside', 'config', 'schemes', 'pki', 'explain', 'send', 'prepare.ts', 'gateway.ts', 'state.ts', 'surroundings.ts', 'workers', 'world.ts', 'node-http.ts'],
  'world.ts': ['core', 'outside'],
  'judge.ts': ['core', 'listen'],
  'way.ts': ['core', 'judge.ts', 'listen', 'forward', 'audit', 'pass-through.ts'],
  'pass-through.ts': ['core', 'listen', 'forward'],
  send: ['core', 'schemes'],
  explain: ['core', 'send', 'judge.ts', 'config', 'checks', 'schemes', 'addresses', 'certificates', 'nonces', 'prepare.ts', 'world.ts'],
  'prepare.ts': ['core', 'certificates', 'config', 'forward', 'listen', 'addresses', 'outside', 'world.ts'],
  'state.ts': ['core', 'certificates', 'config', 'nonces', 'prepare.ts', 'under-way.ts', 'world.ts'],
  'under-way.ts': [],
  'surroundings.ts': ['state.ts'],
  'reload.ts': ['config', 'audit'],
  workers: ['core', 'config', 'listen', 'audit', 'admin', 'nonces', 'gateway.ts', 'reload.ts', 'state.ts', 'surroundings.ts', 'world.ts'],
  'gateway.ts': ['core', 'config', 'forward', 'listen', 'addresses', 'audit', 'admin', 'reload.ts', 'state.ts', 'surroundings.ts', 'way.ts', 'world.ts'],
  'node-http.ts': [],
  'main.ts': ['cli'],
}

/** Read only where they are handed out: everything else takes them as ports. */
const worldly = /\b(Date\.now\(|new Date\(\)|Math\.random\(|process\.env\b|setTimeout\(|setInterval\()/
/** Outside the way of a delivery: they run once, for a person at a terminal. */
const worldlyRooms = ['world.ts', 'pki', 'cli']

const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
t.ok(files.length > 20, 'the source is found')

for (const file of files) {
  const text = readFileSync(resolve(root, file), 'utf8')
  const room = roomOf(file)
  t.ok(Object.hasOwn(allowed, room), `${file}: the room ${room} is known`)
  for (const imported of importsOf(text)) {
    if (!imported.startsWith('.')) {
      if (room === 'core') t.equal(imported, 'zod', `${file} imports no package but zod`)
      continue
    }
    const target = roomOf(relative(root, resolve(root, dirname(file), imported)))
    t.ok(target === room || allowed[room]?.includes(target), `${file} may import from ${target}`)
  }
  t.notOk(/(?:^|\n)import (?!type )[^;'"]*from 'node:http'/.test(text), `${file} takes the values of node:http from node-http.ts`)
  const code = text.replace(/\/\*[^]*?\*\/|\/\/.*/g, '')
  if (!worldlyRooms.includes(room)) t.notOk(worldly.test(code), `${file} takes clock, timers, randomness and environment as ports`)
  t.ok(text.split('\n').length <= 251, `${file} has at most 250 lines`)
  t.notOk(/(: any\b|as any\b|<any>)/.test(code) || /@ts-(ignore|expect-error|nocheck)/.test(text), `${file} does not escape the type checker`)
}

function roomOf(file: string): string {
  return file.split('/')[0] ?? file
}

function importsOf(text: string): string[] {
  return [...text.matchAll(/(?:^|\n)(?:import|export)\b[^;'"]*?from '([^']+)'|(?:^|\n)import '([^']+)'/g)].map((found) => found[1] ?? found[2] ?? '')
}
