/** config.toml as structure: one CRI plugin in version 2 of the format, two in version 3. */
import type { ContainerdFacts } from '../../../facts/containerd.ts'
import { inRange } from '../../../facts/version.ts'
import { compact, type Json, type JsonObject, mergePatch } from '../../../model/json.ts'
import type { ClusterPlan } from '../../../model/plan.ts'

export const registryFolder = '/etc/containerd/certs.d'

/** What is generated, then the user's merge patch. */
export function containerdConfig(plan: ClusterPlan, facts: ContainerdFacts): JsonObject {
  return mergePatch(generatedConfig(plan, facts), plan.overrides.containerd) as JsonObject
}

/** Only what differs from containerd's own defaults. */
export function generatedConfig({ runtime }: ClusterPlan, facts: ContainerdFacts): JsonObject {
  const { options } = runtime
  const registry = facts.mirrors === 'certs.d' ? { config_path: registryFolder } : undefined
  const daemon = compact({
    enable_selinux: options['selinux'],
    restrict_oom_score_adj: options['restrictOomScoreAdj'],
    cni: cni(options['cniBinDir'], facts),
    containerd: { runtimes: { runc } },
  })
  const downloads = options['maxConcurrentDownloads']
  const plugins: JsonObject =
    facts.configVersion === 2
      ? {
          'io.containerd.grpc.v1.cri': compact({
            sandbox_image: runtime.sandboxImage,
            max_concurrent_downloads: downloads,
            registry,
            ...daemon,
          }),
        }
      : {
          'io.containerd.cri.v1.images': compact({
            max_concurrent_downloads: downloads,
            pinned_images: { sandbox: runtime.sandboxImage },
            registry,
          }),
          'io.containerd.cri.v1.runtime': daemon,
        }
  return compact({ version: facts.configVersion, root: options['dataDir'], plugins })
}

/** A runtime that is named replaces its default whole, so its type has to be said too. */
const runc: JsonObject = {
  runtime_type: 'io.containerd.runc.v2',
  // The kubelet's driver is systemd as well: two writers of one cgroup tree make pods die under load.
  options: { SystemdCgroup: true },
}

/** 2.1 took a list in place of one folder; 2.3 no longer reads the old key. */
function cni(folder: Json | undefined, { version, configVersion }: ContainerdFacts): JsonObject | undefined {
  if (folder === undefined) return undefined
  return configVersion === 3 && inRange(version, { from: '2.1.0' })
    ? { bin_dirs: [folder] }
    : { bin_dir: folder }
}
