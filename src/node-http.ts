/**
 * Node's HTTP, for those who need values of it. An `import` reads every export of a built-in module, and from Node 22 on some of
 * `node:http` are `fetch` and `WebSocket`: a whole client would be loaded with them that nobody here uses.
 */
export const { Agent, IncomingMessage, STATUS_CODES, createServer, request } = process.getBuiltinModule('node:http')
