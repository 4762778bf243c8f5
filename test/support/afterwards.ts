import { afterAll, onTestFinished } from 'vitest'

/** After the test that asks for it, or after all tests of the file: there `afterAll` inside a test would be forgotten. */
export function afterwards(clean: () => unknown): void {
  try {
    onTestFinished(async () => void (await clean()))
  } catch {
    afterAll(async () => void (await clean()))
  }
}
