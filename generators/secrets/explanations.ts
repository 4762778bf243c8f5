/** What `gen explain` says of the secrets file. Its values are never quoted, in messages or anywhere. */
import type { Explanations } from '../model/diagnostic.ts'

const rotation = 'https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/'
const restore = 'Take the file from a backup: a new one does not fit nodes that already run.'

export const explanations: Explanations = {
  'secrets/missing': {
    severity: 'error',
    cause: 'The cluster has no secrets yet, or they lie elsewhere.',
    fix: 'gen secrets create makes them, once for each cluster; --secrets names another file.',
  },
  'secrets/unreadable': {
    severity: 'error',
    cause: 'The file is there but cannot be read: a folder, another owner, or far too large for secrets.',
    fix: 'Look at it with ls -l.',
  },
  'secrets/open-to-others': {
    severity: 'error',
    cause: 'Other users of this machine may read the file, and whoever reads it owns the cluster.',
    fix: 'chmod 600 the file. If others may have read it already, make new secrets.',
  },
  'secrets/not-utf8': {
    severity: 'error',
    cause: 'The bytes are not text, so this is not a secrets file, or a damaged one.',
    fix: restore,
  },
  'secrets/not-yaml': {
    severity: 'error',
    cause: 'The text is not YAML; perhaps an editor or a copy changed its indentation.',
    fix: restore,
  },
  'secrets/not-secrets': {
    severity: 'error',
    cause: 'The file is not a mapping, so it is something else.',
    fix: 'Name the right file with --secrets.',
  },
  'secrets/unknown-field': {
    severity: 'error',
    cause: 'The file has a field that secrets do not have. It may be from a newer gen.',
    fix: 'Remove the field, or take the gen that wrote the file.',
  },
  'secrets/missing-field': {
    severity: 'error',
    cause: 'The file lacks a field that every cluster needs.',
    fix: restore,
  },
  'secrets/wrong-type': {
    severity: 'error',
    cause:
      'A field that holds text holds something else. YAML reads some tokens as numbers when they lose their quotes.',
    fix: 'Put the value in quotes, or take the file from a backup.',
  },
  'secrets/wrong-value': {
    severity: 'error',
    cause: 'A field does not have the form that it must have.',
    fix: 'Write it as the message says, or take the file from a backup.',
  },
  'secrets/damaged-pair': {
    severity: 'error',
    cause:
      'A certificate or its key is damaged, they do not belong to each other, or another CA signed the certificate.',
    fix: restore,
  },
  'secrets/other-cluster': {
    severity: 'error',
    cause:
      'The secrets are those of a cluster with another name: nodes made with them would not be of this one.',
    fix: 'Name the right file with --secrets, or make one with gen secrets create.',
  },
  'secrets/expired': {
    severity: 'error',
    cause:
      'A certificate is not valid any more. Where it is only the workers’ and unused, this is a warning.',
    fix: 'Renew the CA as Kubernetes describes, then gen secrets import; for workers gen secrets worker-certificate.',
    source: rotation,
  },
  'secrets/expires-soon': {
    severity: 'warning',
    cause: 'A certificate ends within half a year, and with it everything that it signed.',
    fix: 'Plan the rotation now.',
    source: rotation,
  },
  'secrets/not-yet-valid': {
    severity: 'error',
    cause: 'A certificate begins in the future: most likely the clock of this machine is wrong.',
    fix: 'Set the clock.',
  },
  'secrets/no-worker-certificate': {
    severity: 'error',
    cause: 'Workers are to join with a client certificate, and the secrets hold none.',
    example: `bootstrap:
  credential: certificate`,
    fix: 'gen secrets worker-certificate makes one that expires; or leave credential out for a token.',
  },
  'secrets/ecdsa-service-account': {
    severity: 'error',
    cause:
      'kubeadm of this version reads only RSA keys for service accounts, and the secrets hold an ECDSA key.',
    example: `kubernetes:
  version: 1.19.16`,
    fix: 'Make the secrets for this version, before any node exists: gen secrets create --force.',
    source: 'https://github.com/kubernetes/kubernetes/pull/112508',
  },
}
