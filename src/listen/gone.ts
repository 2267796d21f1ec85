import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'

/**
 * For a socket that has closed: lets go of everything that listens to it. Nothing hears anything any more, but for an error that somebody tells
 * too late, which would end the process were nobody there.
 *
 * Node makes a function for each socket (`WritableState.onwrite`) that V8 puts among the old objects, since it is written straight to a property. So
 * a closed socket, and what hangs on it, stays until a large collection of the garbage (docs/decisions/0508). That is to be the socket and nothing of ours.
 */
export function forsake(socket: Socket): void {
  // The stream's own way would ask in a turn of its own whether anybody still reads.
  EventEmitter.prototype.removeAllListeners.call(socket)
  socket.on('error', ignore)
}

function ignore(): void {}
