import t from 'tap'
import { parseAddress } from '../../src/addresses/address.ts'
import { originOf } from '../../src/addresses/origin.ts'
import type { Address } from '../../src/core/delivery.ts'

const origin = (text: string) => originOf(parseAddress(text) as Address)

t.equal(origin('192.0.2.1'), origin('::ffff:192.0.2.1'))
t.not(origin('192.0.2.1'), origin('192.0.2.2'))
t.equal(origin('2001:db8:0:1::1'), origin('2001:db8:0:1:ffff::9'))
t.not(origin('2001:db8:0:1::1'), origin('2001:db8:0:2::1'))
t.not(origin('::1'), origin('1.0.0.0'))
