// node --import: lets a Node that cannot read TypeScript by itself (20) run our tests and what they start.
import { register } from 'node:module'

if (!process.features.typescript) register('./hooks.mjs', import.meta.url)
