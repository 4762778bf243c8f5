/** Overrides are the user's last word, so nothing in them is refused; but a misspelt field would be ignored on the node. */
import { suggestion } from '../blueprint/schema.ts'
import fields from '../facts/override-fields.json' with { type: 'json' }
import { type Diagnostic, warning } from '../model/diagnostic.ts'
import type { ClusterPlan } from '../model/plan.ts'

/** Known are the fields of any version; below the first level, components differ too much from version to version. */
export function overrideRules({ overrides, kubernetes, runtime }: ClusterPlan): readonly Diagnostic[] {
  const documents = [
    ['kubeadm', 'ClusterConfiguration', fields.kubeadm[kubernetes.facts.kubeadmApi]],
    ['kubelet', 'KubeletConfiguration', fields.kubelet],
    ['kubeProxy', 'KubeProxyConfiguration', fields.kubeProxy],
    ['containerd', 'config.toml', runtime.provider === 'containerd' ? fields.containerd : undefined],
    ['cloudConfig', 'cloud-config', fields.cloudConfig],
  ] as const
  return documents.flatMap(([name, document, known]) =>
    Object.keys(overrides[name])
      .filter((field) => known !== undefined && !known.includes(field))
      .map((field) => ({
        ...warning(
          'blueprint/unknown-override',
          ['overrides', name, field],
          `${document} has no field ${field} that we know`,
          suggestion(field, known ?? []),
        ),
        atKey: true,
      })),
  )
}
