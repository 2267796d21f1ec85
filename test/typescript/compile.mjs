// npm test: makes the JavaScript of every file once, before many processes ask for it.
import { readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { javascriptOf } from './javascript.mjs'

const rooms = process.features.typescript ? [] : ['src', 'test', 'scripts', 'bench']
for (const room of rooms) {
  for (const file of readdirSync(room, { recursive: true })) {
    if (file.endsWith('.ts') && !file.includes('node_modules')) await javascriptOf(resolve(room, file))
  }
}
