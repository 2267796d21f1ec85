import type { Subject } from './subjects/subject.ts'
import type { CountingReceiver } from './receiver.ts'
import { makeRequest, sendOnce, type Door } from './sender.ts'

/** What a subject let through that it should have refused, or refused that it should have let through. Empty is good. */
export async function tryQuestions(
  subject: Subject, doors: { readonly sender: Door, readonly stranger: Door }, receiver: CountingReceiver,
): Promise<string[]> {
  const faults: string[] = []
  const expect = async (what: string, door: Door, request: Buffer, reaches: 'receiver' | 'nobody'): Promise<void> => {
    const before = receiver.count()
    const status = await sendOnce(door, request)
    const reached = receiver.count() === before ? 'nobody' : 'receiver'
    if (reached !== reaches) faults.push(`${what}: reached ${reached} (status ${status})`)
  }
  const request = makeRequest('close')
  await expect('a good delivery', doors.sender, request, 'receiver')
  if (subject.asks.includes('nonce')) await expect('the same delivery again', doors.sender, request, 'nobody')
  if (subject.asks.includes('signature')) await expect('a forged delivery', doors.sender, makeRequest('close', 'forged'), 'nobody')
  if (subject.asks.includes('certificate')) await expect('no certificate', doors.stranger, makeRequest('close'), 'nobody')
  return faults
}
