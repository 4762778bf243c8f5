import { type Command, UsageError } from './command.ts'
import { imagesDiff } from './images-diff.ts'
import { imagesExport } from './images-export.ts'
import { imagesList } from './images-list.ts'
import { imagesPush } from './images-push.ts'
import { imagesVerify } from './images-verify.ts'

export const images: Command = {
  name: 'images',
  summary: 'list, export, verify, compare and push container images for nodes without a network',
  usage: 'list|export|verify|diff|push …',
  options: {},
  subcommands: [imagesList, imagesExport, imagesVerify, imagesDiff, imagesPush],
  run: () => Promise.reject(new UsageError('gen images needs a command', 'gen images --help lists them')),
}
