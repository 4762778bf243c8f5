import { prepare } from './recipes.effect.ts'

console.log(await prepare(process.argv[2] ?? '1.20'))
