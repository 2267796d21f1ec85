import t from 'tap'
import { parseAddress } from '../../src/addresses/address.ts'
import type { Address } from '../../src/core/delivery.ts'
import { Connections, type ConnectionLimits, type Place } from '../../src/listen/connections.ts'
import { StillClock } from '../support/clock.ts'

const address = (text: string) => parseAddress(text) as Address
const some = { total: 100, perAddress: 100, newPerSecond: undefined }

function door(limits: Partial<ConnectionLimits>, clock = new StillClock()) {
  return new Connections({ ...some, ...limits }, clock)
}

t.test('in all', async (t) => {
  const connections = door({ total: 2 })
  const first = connections.enter() as Place
  connections.enter()
  t.equal(connections.enter(), 'overloaded')
  first.leave()
  first.leave()
  t.equal(connections.open, 1, 'a place is given back once')
  t.not(connections.enter(), 'overloaded')
  t.equal(connections.enter(), 'overloaded')
})

t.test('of one address', async (t) => {
  const connections = door({ perAddress: 2 })
  const places = [1, 2, 3].map(() => connections.enter() as Place)
  t.same(places.map((place) => place.settle(address('192.0.2.1'))), ['admitted', 'admitted', 'rate-limited'])
  t.equal((connections.enter() as Place).settle(address('192.0.2.2')), 'admitted')
  places[2]?.leave()
  t.equal((connections.enter() as Place).settle(address('192.0.2.1')), 'rate-limited', 'the refused one gave nothing back')
  places[0]?.leave()
  t.equal((connections.enter() as Place).settle(address('::ffff:192.0.2.1')), 'admitted')
  t.equal((connections.enter() as Place).settle(address('192.0.2.1')), 'rate-limited')
})

t.test('of one IPv6 network', async (t) => {
  const connections = door({ perAddress: 1 })
  t.equal((connections.enter() as Place).settle(address('2001:db8::1')), 'admitted')
  t.equal((connections.enter() as Place).settle(address('2001:db8::2')), 'rate-limited')
  t.equal((connections.enter() as Place).settle(address('2001:db8:0:1::2')), 'admitted')
})

t.test('in a second', async (t) => {
  const clock = new StillClock()
  const connections = door({ newPerSecond: 2 }, clock)
  const come = () => {
    const place = connections.enter() as Place
    const answer = place.settle(address('192.0.2.1'))
    place.leave()
    return answer
  }
  t.same([come(), come(), come()], ['admitted', 'admitted', 'rate-limited'])
  clock.advance(500)
  t.same([come(), come()], ['admitted', 'rate-limited'])
  t.equal(connections.open, 0)
})

t.test('limits that a reload changes', async (t) => {
  const clock = new StillClock()
  const connections = door({ total: 1, newPerSecond: 1 }, clock)
  const first = connections.enter() as Place
  t.equal(first.settle(address('192.0.2.1')), 'admitted')
  t.equal(connections.enter(), 'overloaded')
  connections.change({ ...some, total: 2, newPerSecond: undefined })
  const second = connections.enter() as Place
  t.equal(second.settle(address('192.0.2.1')), 'admitted')
  connections.change({ ...some, total: 1 })
  t.equal(connections.enter(), 'overloaded')
  t.equal(connections.open, 2, 'whoever is in stays in')
})
