import { type Io, UserError } from './command.ts'

/**
 * Asks before something is lost.
 * @param yes the user has said so on the command line
 * @throws UserError where nobody can answer
 */
export async function confirm(question: string, yes: boolean, io: Io): Promise<boolean> {
  if (yes) return true
  const prompt = io.prompt?.()
  if (prompt === undefined) throw new UserError(`${question} Nobody is here to answer`, 'say --yes')
  try {
    const answer = await prompt.ask(`${question} [y/N] `)
    return /^y(es)?$/i.test(answer?.trim() ?? '')
  } finally {
    prompt.close()
  }
}
