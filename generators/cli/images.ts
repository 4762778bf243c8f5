import { type Command, UsageError } from './command.ts'
import { imagesDiff } from './images-diff.ts'
import { imagesExport } from './images-export.ts'
import { imagesList } from './images-list.ts'
import { imagesVerify } from './images-verify.ts'

export const images: Command = {
  name: 'images',
  summary: 'list, export, verify and compare container images for nodes without a network',
  usage: 'list|export|verify|diff …',
  options: {},
  subcommands: [imagesList, imagesExport, imagesVerify, imagesDiff],
  run: () => Promise.reject(new UsageError('gen images needs a command', 'gen images --help lists them')),
}
