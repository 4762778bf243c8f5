/** gen completion in the shells themselves. */
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { builtInBlueprints } from '../generators/effects/assets.effect.ts'
import { scratchFolder } from './support/secrets.ts'
import { asProcess, program } from './support/terminal.ts'
import { run, withTools } from './support/tools.ts'

const folder = mkdtempSync(join(scratchFolder(), 'complete-'))
const bin = join(folder, 'bin')

beforeAll(() => {
  mkdirSync(bin)
  mkdirSync(join(folder, 'some-folder'))
  writeFileSync(join(bin, 'gen'), `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`)
  chmodSync(join(bin, 'gen'), 0o755)
  writeFileSync(
    join(folder, 'cluster.yaml'),
    `kubernetes: { version: 1.31.4 }
endpoint: { address: 172.31.253.60 }
nodes:
  - { name: alpha, role: master, address: 172.31.253.61 }
  - { name: beta, role: worker }
pools: [{ name: gpu }]
`,
  )
  writeFileSync(
    join(folder, 'other.yaml'),
    'kubernetes: { version: 1.31.4 }\nendpoint: { address: 172.31.253.60 }\nnodes: [{ name: omega, role: master, address: 172.31.253.61 }]\n',
  )
})

/** What a shell offers for a command line with the cursor at its end. */
const shells = {
  bash: (line: string) => `
    PATH="${bin}:$PATH"; cd "${folder}"; source <(gen completion bash)
    COMP_LINE='${line}'; COMP_POINT=\${#COMP_LINE}; read -ra COMP_WORDS <<<"$COMP_LINE"
    [[ $COMP_LINE != *' ' ]] || COMP_WORDS+=('')
    COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); compopt() { :; }; _gen
    printf '%s\\n' "\${COMPREPLY[@]}"`,
  fish: (line: string) => `
    set -x PATH ${bin} $PATH; cd ${folder}; gen completion fish | source
    complete -C '${line}' | string replace -r '\\t.*' ''; true`,
} as const

function offered(shell: keyof typeof shells, line: string): readonly string[] {
  const printed = run(shell, [
    ...(shell === 'fish' ? ['--no-config'] : ['--norc']),
    '-c',
    shells[shell](line),
  ])
  return printed
    .split('\n')
    .filter((word) => word !== '')
    .sort()
}

const cases: readonly (readonly [line: string, expected: readonly string[]])[] = [
  ['gen user', ['userdata']],
  ['gen userdata --role ', ['control-plane', 'controlplane', 'master', 'node', 'worker']],
  ['gen userdata --role ma', ['master']],
  ['gen userdata --node ', ['alpha', 'beta']],
  ['gen userdata -b other.yaml --node ', ['omega']],
  ['gen userdata --pool ', ['gpu']],
  ['gen userdata --encoding gz', ['gzip', 'gzip+base64']],
  ['gen userdata --target a', ['aws', 'azure']],
  ['gen userdata --tar', ['--target']],
  ['gen secrets ', ['create', 'import', 'rotate-token', 'show', 'worker-certificate']],
  ['gen secrets create --key-algorithm ', ['ecdsa-p256', 'rsa-2048']],
  ['gen secrets import --from-pki some', ['some-folder']],
  ['gen validate --color ', ['always', 'auto', 'never']],
  ['gen validate -b oth', ['other.yaml']],
  ['gen completion z', ['zsh']],
  ['gen facts 1.19', ['1.19']],
  ['gen explain blueprint/family', ['blueprint/family-twice']],
  ['gen example ha-kube', ['ha-kube-vip']],
  ['gen nonsense --x ', []],
]

describe.each(['bash', 'fish'] as const)('%s', (shell) => {
  withTools(shell).each(cases)('%s', (line, expected) => {
    // A shell shows a folder with a slash.
    expect(offered(shell, line).map((word) => word.replace(/\/$/, ''))).toEqual([...expected].sort())
  })

  withTools(shell)('offers every built-in blueprint', () => {
    expect(offered(shell, 'gen example ')).toEqual([...builtInBlueprints()].sort())
  })
})

/** zsh shows candidates only on a terminal: its completion system is driven by zpty, as its own tests do. */
const zsh = (line: string) => `
  PATH="${bin}:$PATH"; cd "${folder}"; zmodload zsh/zpty
  zpty -b shell zsh -f -i
  zpty -w shell 'PS1=; PATH="${bin}:$PATH"; autoload -Uz compinit; compinit -D -u; source <(gen completion zsh); zstyle ":completion:*" list-separator "#"; LISTMAX=0'
  zpty -w shell 'print READ\\Y'
  zpty -r shell seen '*READY*'
  zpty -w -n shell '${line}'$'\\t\\t'
  repeat 30; do sleep 0.1; zpty -r -t shell more && seen+=$more; done
  print -r -- "$seen"`

describe('zsh', () => {
  withTools('zsh').each([
    ['gen userdata --node ', ['alpha', 'beta']],
    ['gen secrets ', ['create', 'rotate-token']],
    ['gen userdata --encoding ', ['gzip+base64', 'mime']],
  ])('%s', (line, expected) => {
    const screen = run('zsh', ['-f', '-c', zsh(line)])
    for (const word of expected) expect(screen).toContain(word)
  })
})

test('an unknown shell, or none, is wrong usage', () => {
  expect(asProcess(folder, ['completion', 'bsh'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('did you mean bash?'),
  })
  expect(asProcess(folder, ['completion']).code).toBe(2)
})
