import { afterAll, onTestFinished } from 'vitest'

const left: (() => unknown)[] = []
// Here, where the file is collected: a hook that a running test or hook asks for is never called.
afterAll(async () => {
  for (const clean of left.reverse()) await clean()
})

/** After the test that asks for it, or after all tests of the file. */
export function afterwards(clean: () => unknown): void {
  try {
    onTestFinished(async () => void (await clean()))
  } catch {
    left.push(clean)
  }
}
