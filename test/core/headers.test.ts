import t from 'tap'
import { Headers, single } from '../../src/core/headers.ts'

const headers = new Headers(['Host', 'a', 'X-One', '1', 'x-two', '2', 'X-Two', '3', '__proto__', 'p'])

t.equal(headers.one('host'), 'a')
t.equal(headers.one('missing'), undefined)
t.same(headers.one('x-two'), { repeated: true })
t.equal(single(headers.one('x-two')), undefined)
t.equal(single(headers.one('x-one')), '1')
t.same(headers.all('x-two'), ['2', '3'])
t.same(headers.all('missing'), [])
t.equal(headers.one('__proto__'), 'p', 'names of objects are names like others')
t.equal(headers.one('constructor'), undefined)
t.ok(headers.has('x-one'))
t.notOk(headers.has('X-One'), 'looked up by lower-case name')
t.same(headers.names, ['host', 'x-one', 'x-two', 'x-two', '__proto__'])
