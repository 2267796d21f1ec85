#!/usr/bin/env -S node --initial-heap-size=64 --max-semi-space-size=4
import { main } from './cli/index.ts'

process.exitCode = await main(process.argv)
