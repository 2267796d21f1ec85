import t from 'tap'
import { Headers } from '../../src/core/headers.ts'
import { protocolAsked, upgradeFault } from '../../src/listen/upgrade.ts'

const asked: [string, string[], string | undefined][] = [
  ['nothing', ['Host', 'a'], undefined],
  ['one', ['Connection', 'Upgrade', 'Upgrade', 'WebSocket'], 'websocket'],
  ['among other options', ['Connection', 'keep-alive, uPGRADE', 'Upgrade', 'websocket'], 'websocket'],
  ['in the second Connection line', ['Connection', 'close', 'Connection', 'upgrade', 'Upgrade', 'h2c'], 'h2c'],
  ['not named by Connection', ['Connection', 'keep-alive', 'Upgrade', 'websocket'], undefined],
  ['named as part of a word', ['Connection', 'no-upgrade', 'Upgrade', 'websocket'], undefined],
  ['named, but not there', ['Connection', 'upgrade'], undefined],
  ['two lines', ['Connection', 'upgrade', 'Upgrade', 'websocket', 'Upgrade', 'h2c'], 'websocket, h2c'],
  ['another header', ['Connection', 'upgrade', 'Upgrade-Insecure-Requests', '1'], undefined],
]
for (const [name, raw, protocol] of asked) t.equal(protocolAsked(new Headers(raw)), protocol, name)

const websocket = ['Connection', 'Upgrade', 'Upgrade', 'websocket']
const get = { method: 'GET', version: '1.1' }
const allowed = { upgrade: new Set(['websocket']) }
const judged: [string, typeof get, string[], { upgrade: Set<string> }, string | undefined][] = [
  ['allowed', get, websocket, allowed, undefined],
  ['not on this route', get, websocket, { upgrade: new Set() }, 'websocket'],
  ['not with POST', { ...get, method: 'POST' }, websocket, allowed, 'websocket'],
  ['not in 1.0', { ...get, version: '1.0' }, websocket, allowed, 'websocket'],
  ['not another', get, ['Connection', 'Upgrade', 'Upgrade', 'h2c'], allowed, 'h2c'],
  ['an ordinary request', get, ['Host', 'a'], allowed, undefined],
]
for (const [name, request, raw, route, refused] of judged) {
  t.equal(upgradeFault(request, new Headers(raw), route)?.facts['asked'], refused, name)
}
