#!/usr/bin/env node
/** The program: wires the process to `main`. The only place that ends it. */
import { main } from './cli/main.ts'
import { processIo } from './effects/process.effect.ts'

process.exitCode = await main(process.argv.slice(2), processIo())
