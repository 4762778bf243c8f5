/** What both builders for vSphere ask of vCenter. Who one is comes from the environment. */
import type { JsonObject } from '../../model/json.ts'
import { optional, switchedOff, text } from './settings.ts'

export const vcenter: JsonObject = {
  vcenterServer: text('Name or address of vCenter.', 'vcenter.example.com'),
  cluster: text('The cluster whose hosts run the machine.', 'compute-1'),
  datastore: text('Where its disk lies.', 'vsan'),
  network: text('A network with DHCP; the installer reaches the one who runs Packer over it.', 'VM Network'),
  datacenter: optional('The datacenter.', 'dc-1', 'the only one'),
  resourcePool: optional('The resource pool.', 'build', "the cluster's own"),
  folder: optional('Where the template goes.', 'templates', "the datacenter's root"),
  insecure: switchedOff('Believe whatever certificate vCenter shows.'),
}
export const vcenterRequired = ['vcenterServer', 'cluster', 'datastore', 'network']
export const vcenterEnvironment = ['VSPHERE_USER', 'VSPHERE_PASSWORD']
