import { ConfigurationError } from '../config/problems.ts'
import { Gateway } from '../gateway.ts'
import { alone, type Surroundings } from '../surroundings.ts'
import type { World } from '../world.ts'
import type { Order, Word } from './messages.ts'

/** Where a worker's audit lines go that it cannot write by itself: a pipe to the first process, behind standard streams and the channel. */
export const auditPipe = 4

/** One of several processes that serve the same sockets: does what the first one says, and ends with it. */
export async function runWorker(file: string, world: World, given: Pick<Surroundings, 'sockets' | 'workers' | 'openStore' | 'audit'>): Promise<void> {
  // A terminal or service manager signals every process; only the first one acts.
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => {})
  try {
    const gateway = await Gateway.start(file, world, { ...alone, ...given, audit: given.audit ?? auditPipe, admin: 'none' })
    tell({ word: 'serving', addresses: gateway.addresses })
    await obey(gateway)
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    tell({ word: 'failed', message: error.message })
  }
  process.disconnect()
}

/** Resolves when the gateway is drained. */
function obey(gateway: Gateway): Promise<void> {
  return new Promise((drained, failed) => {
    const orders: Record<Order['order'], (order: Order) => Promise<void> | void> = {
      reload: async () => tell({ word: 'reloaded', result: await gateway.reload() }),
      reopen: () => gateway.reopenLogs(),
      audit: (order) => { if (order.order === 'audit') gateway.holdAudit(order.state) },
      drain: async () => drained(await gateway.drain()),
      measure: async (order) => {
        if (order.order === 'measure') tell({ word: 'measured', nth: order.nth, metrics: await gateway.measure() })
      },
    }
    process.on('message', (order: Order) => { Promise.resolve(orders[order.order](order)).catch(failed) })
  })
}

function tell(word: Word): void {
  process.send?.(word)
}
