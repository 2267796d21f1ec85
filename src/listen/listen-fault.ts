import type { Problem } from '../core/plan.ts'

/** Why an address cannot be listened at, as the operator's problem. */
export class ListenFault extends Error {
  override readonly name = 'ListenFault'
  readonly problem: Problem

  constructor(error: unknown, path: Problem['path']) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const [what, mend] = words.get(code) ?? [error instanceof Error ? error.message : String(error), 'write an address of this machine and a free port']
    super(what, { cause: error })
    this.problem = { path, what, mend }
  }
}

const words: ReadonlyMap<string, readonly [string, string]> = new Map([
  ['EADDRINUSE', ['this address is in use: another process listens there', 'stop it, or write another address or port']],
  ['EACCES', ['this user may not listen there', 'write a port from 1024 on, or give the process CAP_NET_BIND_SERVICE']],
  ['EADDRNOTAVAIL', ['this machine does not have that address', 'write one that it has, or 0.0.0.0 for all']],
  ['ENOTFOUND', ['this name leads to no address', 'write an address of this machine']],
])
