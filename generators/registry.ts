/** The product's table of contents: every variant on one line. A test compares it with the folders. */
import type {
  CloudProvider,
  CniProvider,
  EndpointProvider,
  OsProvider,
  Provider,
  RuntimeProvider,
} from './providers/provider.ts'

export const os: readonly OsProvider[] = []
export const runtime: readonly RuntimeProvider[] = []
export const endpoint: readonly EndpointProvider[] = []
export const etcd: readonly Provider[] = []
export const cni: readonly CniProvider[] = []
export const cloud: readonly CloudProvider[] = []
