// How Node 20 loads one of our `.ts` files: as the JavaScript that was made of it.
import { fileURLToPath } from 'node:url'
import { javascriptOf } from './javascript.mjs'

/** Node's `load` hook (https://nodejs.org/docs/latest-v20.x/api/module.html#loadurl-context-nextload). */
export async function load(url, context, nextLoad) {
  if (!url.startsWith('file:') || !url.endsWith('.ts')) return nextLoad(url, context)
  return { format: 'module', shortCircuit: true, source: await javascriptOf(fileURLToPath(url)) }
}
