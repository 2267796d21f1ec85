import t from 'tap'
import { StatusesWhenAsked } from '../../src/certificates/ocsp-when-asked.ts'
import { StillClock } from '../support/clock.ts'

const link = { of: 'sender', certificate: Buffer.from('no certificate'), issuer: Buffer.from('none'), isListed: () => false } as const
const rule = { mode: 'hard', certificates: 'leaf', nonce: 'required', timeout: 1_000 } as const

void t.test('before anybody asked nothing is known; the first questions share one reading, the next are answered at once', async (t) => {
  const statuses = new StatusesWhenAsked({ clock: new StillClock(), random: { bytes: (count: number) => new Uint8Array(count) }, exchange: () => Promise.reject(new Error('nobody is asked')) })
  t.same(statuses.tally(), { answers: new Map(), reused: 0 })
  const first = [statuses.ask(link, rule), statuses.ask(link, rule)]
  for (const one of first) t.type(one, Promise)
  for (const one of await Promise.all(first)) t.match(one, { status: 'unknown', facts: { ocsp: 'unreadable-certificate' } })
  t.match(statuses.ask(link, rule), { status: 'unknown', facts: { ocsp: 'unreadable-certificate' } }, 'no promise any more')
})
