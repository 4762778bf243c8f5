/** What every cloud has in common that serves user-data at 169.254.169.254. */
import { type Diagnostic, warning } from '../../model/diagnostic.ts'
import type { ClusterPlan } from '../../model/plan.ts'

/**
 * The address answers whoever asks from the node: pods too, unless first boot rejects what they send there.
 * cloud-init's own `disable_ec2_metadata` is no way out, for it takes the address from the node itself.
 */
export function metadataRules({ bootstrap }: ClusterPlan): readonly Diagnostic[] {
  if (bootstrap.blockMetadata) return []
  return [
    warning(
      'cloud/metadata-open',
      ['bootstrap', 'blockMetadata'],
      'every pod can read the user-data of its node at 169.254.169.254, on control planes with the CA keys',
      'leave out blockMetadata: false; pods with hostNetwork still reach the address',
    ),
  ]
}
