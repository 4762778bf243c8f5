import { type Command, UsageError } from './command.ts'
import { imagesDiff } from './images-diff.ts'
import { imagesList } from './images-list.ts'
import { imagesVerify } from './images-verify.ts'

export const images: Command = {
  name: 'images',
  summary: 'list container images of a cluster; verify and compare archives of images',
  usage: 'list|verify|diff …',
  options: {},
  subcommands: [imagesList, imagesVerify, imagesDiff],
  run: () => Promise.reject(new UsageError('gen images needs a command', 'gen images --help lists them')),
}
