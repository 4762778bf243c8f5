/** The roles of nodes, and the only place where the old word `master` is known. */
export type Role = 'control-plane' | 'worker'

/** Every spelling that is accepted on the command line and in blueprints. */
export const roleSpellings: Readonly<Record<string, Role>> = {
  'control-plane': 'control-plane',
  controlplane: 'control-plane',
  master: 'control-plane',
  worker: 'worker',
  node: 'worker',
}

/** The canonical role, or undefined when the word names none. */
export function parseRole(word: string): Role | undefined {
  return Object.hasOwn(roleSpellings, word) ? roleSpellings[word] : undefined
}
