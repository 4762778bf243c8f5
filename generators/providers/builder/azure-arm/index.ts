import type { BuilderProvider } from '../../provider.ts'
import { optional, switchedOff, text, variablesOf } from '../settings.ts'

export const azureArm: BuilderProvider = {
  name: 'azure-arm',
  summary: "A managed image in Azure and a version in a gallery, from the distribution's own.",
  options: {
    location: text('Where is baked.', 'westeurope'),
    resourceGroup: text('What the image goes into; it has to be there.', 'images'),
    vmSize: optional(
      'The machine on which is baked.',
      'Standard_D4s_v5',
      'Standard_D2s_v5; Standard_D2ps_v5 for arm64',
    ),
    gallery: optional('A compute gallery of that resource group.', 'nodes', 'none'),
    galleryImage: optional('Its image definition, of generation 2.', 'worker', 'none'),
    useAzureCliAuth: switchedOff(
      'Be whoever az login made you, without ARM_CLIENT_ID and ARM_CLIENT_SECRET.',
    ),
  },
  required: ['location', 'resourceGroup'],
  architectures: ['amd64', 'arm64'],
  firmware: [],
  base: () => 'azure',
  environment: ['ARM_SUBSCRIPTION_ID', 'ARM_TENANT_ID', 'ARM_CLIENT_ID', 'ARM_CLIENT_SECRET'],
  runner: 'any',
  variables: ({ architecture, base }, options) => ({
    vm_size: architecture === 'arm64' ? 'Standard_D2ps_v5' : 'Standard_D2s_v5',
    ...(base.kind === 'azure'
      ? { image_publisher: base.publisher, image_offer: base.offer, image_sku: base.sku }
      : {}),
    ...variablesOf(options, [
      'location',
      'resourceGroup',
      'vmSize',
      'gallery',
      'galleryImage',
      'useAzureCliAuth',
    ]),
  }),
}
