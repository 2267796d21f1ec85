import t from 'tap'
import { targetFor } from '../../src/forward/target.ts'

const rows: [string, string | undefined, string, string | undefined, string][] = [
  ['/a', undefined, '/a', undefined, '/a'],
  ['/a%2Fb', 'q=%20&', '/*', undefined, '/a%2Fb?q=%20&'],
  ['/a', '', '/a', '/b', '/b?'],
  ['/a/x/y', 'q', '/a/*', '/b/*', '/b/x/y?q'],
  ['/a/x', undefined, '/a/*', '/b', '/b'],
]
for (const [path, query, matched, own, target] of rows) {
  const match = { hosts: undefined, path: matched, methods: ['POST'] }
  t.equal(targetFor({ path, query }, { match, forward: { path: own } as never }), target)
}
