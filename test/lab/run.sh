#!/bin/bash
# npm run lab: bundles the lab and gen, then runs the lab. `test/lab/run.sh help` lists the commands.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ -d node_modules ] || npm ci --no-audit --no-fund
node_modules/.bin/esbuild test/lab/lab.effect.ts --bundle --platform=node --format=esm --target=node20 --log-level=warning \
  --outfile=dist/lab.mjs \
  --banner:js="import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);"
exec node dist/lab.mjs "$@"
