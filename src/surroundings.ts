import { openOwnStore, type OpenStore } from './state.ts'

/** What a gateway gets from the process around it. */
export interface Surroundings {
  /** Audit lines go there (a file descriptor, or as `AuditLog` has it) in place of where the configuration says. */
  readonly audit: string | number | undefined
  readonly admin: 'own' | 'none'
  readonly openStore: OpenStore
  /** Listening sockets that were handed over (`LISTEN_FDS`), for the listeners in their order. */
  readonly sockets: readonly number[]
  /** Limits of the whole machine are divided by so many. */
  readonly workers: number
}

/** A gateway that is the whole process. */
export const alone: Surroundings = { audit: undefined, admin: 'own', openStore: openOwnStore, sockets: [], workers: 1 }

const firstSocket = 3

/** The sockets that the service manager handed to this very process (sd_listen_fds(3)). */
export function inheritedSockets(environment: (name: string) => string | undefined, pid: number): readonly number[] {
  const count = environment('LISTEN_FDS') ?? ''
  if (environment('LISTEN_PID') !== String(pid) || !/^[1-9]\d{0,2}$/.test(count)) return []
  return Array.from({ length: Number(count) }, (_, at) => firstSocket + at)
}
