import t from 'tap'
import { sameBytes } from '../../src/schemes/compare.ts'

const bytes = (text: string) => Buffer.from(text)
t.ok(sameBytes(bytes('abc'), bytes('abc')))
t.notOk(sameBytes(bytes('abc'), bytes('abd')))
t.notOk(sameBytes(bytes('abc'), bytes('ab')), 'shorter')
t.notOk(sameBytes(bytes('ab'), bytes('abc')), 'longer')
t.notOk(sameBytes(bytes('abc'), bytes('abc\0')), 'padded')
t.ok(sameBytes(bytes(''), bytes('')), 'that nothing equals nothing is for the callers to exclude, and they do')
