#!/bin/bash
# npm run bake: builds gen and the test, then bakes. --keep leaves the machines' disks under /var/lib/leaven-lab/bake;
# --again goes on with what --keep has left.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ -d node_modules ] || npm ci --no-audit --no-fund
node build.mjs
node_modules/.bin/esbuild test/bake/bake.effect.ts --bundle --platform=node --format=esm --target=node20 --log-level=warning \
  --outfile=dist/bake.mjs \
  --banner:js="import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);"
exec node dist/bake.mjs "$@"
