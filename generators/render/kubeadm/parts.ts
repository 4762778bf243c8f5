/** The parts of kubeadm's documents that every API version spells the same. */
import type { SecretJson } from '../../model/contribution.ts'
import type { Json, JsonObject } from '../../model/json.ts'
import { compact } from '../../model/json.ts'
import type {
  BootstrapToken,
  Discovery,
  ExternalEtcd,
  HostPathMount,
  KubeadmCluster,
  KubeadmHub,
  NameValue,
  Taint,
} from './model.ts'

/** Plain data, except that tokens are still Secret: write it only as a secret file. */
export type KubeadmDocument = { readonly [key: string]: SecretJson }

/** Drops keys whose value is undefined, as `compact`, but lets Secrets through. */
export function defined(entries: Readonly<Record<string, SecretJson | undefined>>): KubeadmDocument {
  return Object.fromEntries(
    Object.entries(entries).filter((entry): entry is [string, SecretJson] => entry[1] !== undefined),
  )
}

/** An object that is left out when nothing is in it: user-data has to be small. */
export function section(entries: Readonly<Record<string, Json | undefined>>): JsonObject | undefined {
  const object = compact(entries)
  return Object.keys(object).length === 0 ? undefined : object
}

/** A list that says nothing when it is empty. */
export function listed<T extends Json>(list: readonly T[] | undefined): readonly T[] | undefined {
  return list === undefined || list.length === 0 ? undefined : [...list]
}

/** Flags as v1beta2 and v1beta3 know them; of a repeated name the last one stays. */
export function argsMap(args: readonly NameValue[] | undefined): JsonObject | undefined {
  return section(Object.fromEntries((args ?? []).map(({ name, value }) => [name, value])))
}

/** Flags and environment as v1beta4 knows them. */
export function argsList(args: readonly NameValue[] | undefined): Json | undefined {
  return listed((args ?? []).map(({ name, value }) => ({ name, value })))
}

export function volumes(mounts: readonly HostPathMount[] | undefined): Json | undefined {
  return listed(
    (mounts ?? []).map(({ name, hostPath, mountPath, readOnly, pathType }) =>
      compact({ name, hostPath, mountPath, readOnly, pathType }),
    ),
  )
}

/** Unlike other lists an empty one is kept: it means no taint, its absence kubeadm's default. */
export function taints(list: readonly Taint[] | undefined): Json | undefined {
  return list?.map(({ key, value, effect }) => compact({ key, value, effect }))
}

export function externalEtcd({ endpoints, caFile, certFile, keyFile }: ExternalEtcd): JsonObject {
  return { endpoints: [...endpoints], caFile, certFile, keyFile }
}

/** What of ClusterConfiguration never changed its name or its place. */
export function clusterBasics(cluster: KubeadmCluster): JsonObject {
  const { podSubnet, serviceSubnet, dnsDomain } = cluster.networking
  return compact({
    kubernetesVersion: `v${cluster.kubernetesVersion}`,
    clusterName: cluster.clusterName,
    controlPlaneEndpoint: cluster.controlPlaneEndpoint,
    certificatesDir: cluster.certificatesDir,
    imageRepository: cluster.imageRepository,
    networking: section({ podSubnet, serviceSubnet, dnsDomain }),
    featureGates: section(cluster.featureGates ?? {}),
  })
}

export function bootstrapTokens(tokens: readonly BootstrapToken[]): SecretJson | undefined {
  if (tokens.length === 0) return undefined
  return tokens.map(({ token, ttl, description, usages, groups }) =>
    defined({ token, ttl, description, usages: [...usages], groups: [...groups] }),
  )
}

/** @param timeout where the API keeps it beside the discovery itself */
export function discovery(from: Discovery, timeout?: string): KubeadmDocument {
  const { tlsBootstrapToken } = from
  if (from.by === 'file') {
    return defined({ file: { kubeConfigPath: from.kubeConfigPath }, tlsBootstrapToken, timeout })
  }
  const { apiServerEndpoint, token, caCertHashes } = from
  const bootstrapToken = { apiServerEndpoint, token, caCertHashes: [...caCertHashes] }
  return defined({ bootstrapToken, tlsBootstrapToken, timeout })
}

export function localAPIEndpoint(hub: KubeadmHub): JsonObject | undefined {
  return hub.localAPIEndpoint && { ...hub.localAPIEndpoint }
}

/** Present exactly on control planes, where its presence is what makes kubeadm join one. */
export function joinControlPlane(hub: KubeadmHub): JsonObject | undefined {
  const endpoint = localAPIEndpoint(hub)
  return endpoint && { localAPIEndpoint: endpoint }
}

export function patches(hub: KubeadmHub): JsonObject | undefined {
  return hub.patchesDirectory === undefined ? undefined : { directory: hub.patchesDirectory }
}
