#!/bin/bash
# npm run lab: builds gen and the lab, then runs the lab. `test/lab/run.sh help` lists the commands.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ -d node_modules ] || npm ci --no-audit --no-fund
case ${1:-} in
  check | status | shell | logs | cut | on | down | list | help) ;; # look at what runs
  *) node build.mjs ;; # a compiler older than the first boot it ships would prove nothing
esac
node_modules/.bin/esbuild test/lab/lab.effect.ts --bundle --platform=node --format=esm --target=node20 --log-level=warning \
  --outfile=dist/lab.mjs \
  --banner:js="import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);"
exec node dist/lab.mjs "$@"
