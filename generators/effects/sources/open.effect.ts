/** Opens what `--from` names. */
import { resolve } from 'node:path'
import { parseReference, type Reference } from '../../images/reference.ts'
import { type ImageSource, SourceError } from '../../images/source.ts'
import { openArchiveFile } from './archive-file.effect.ts'
import { kubernetesNamespace, openContainerd } from './containerd.effect.ts'
import { layoutSource } from './layout.effect.ts'
import { openOciFolder } from './oci-folder.effect.ts'

/**
 * @param written `oci:DIR`, `oci-archive:FILE`, `docker-archive:FILE`, each with @REPOSITORY or without, or
 * `containerd:[NAMESPACE]`
 * @throws SourceError
 */
export async function openNamed(
  written: string,
  { cwd, env }: { readonly cwd: string; readonly env: Readonly<Record<string, string | undefined>> },
): Promise<ImageSource> {
  const [, kind, rest = ''] = /^([a-z-]+):(.*)$/s.exec(written) ?? []
  if (kind === 'containerd') return containerdSource(rest || kubernetesNamespace, env)
  const { path, repository } = splitRepository(rest)
  if (path === '' || (kind !== 'oci' && kind !== 'oci-archive' && kind !== 'docker-archive'))
    throw new SourceError(
      'unsupported',
      `${written} is no source of images`,
      'oci:DIR, oci-archive:FILE, docker-archive:FILE or containerd:[NAMESPACE]',
    )
  const place = resolve(cwd, path)
  const layout = await (kind === 'oci' ? openOciFolder(place, written) : openArchiveFile(place, written))
  return layoutSource(layout, repository)
}

/** Its names are asked for one by one; the rest is as in any layout. */
function containerdSource(namespace: string, env: Readonly<Record<string, string | undefined>>): ImageSource {
  const layout = openContainerd(namespace, env)
  const source = layoutSource(layout)
  return {
    ...source,
    resolve: async (reference, signal) => {
      const digest = reference.digest ?? (await layout.find(reference))
      if (digest === undefined)
        throw new SourceError('missing', `${layout.shown} has no ${reference.repository}:${reference.tag}`)
      return source.manifest(reference, digest, signal)
    },
  }
}

/** The last @ begins a repository, if what follows can be one: folders may have an @ in their names. */
function splitRepository(text: string): { readonly path: string; readonly repository?: Reference } {
  const at = text.lastIndexOf('@')
  const read = at < 0 ? undefined : parseReference(text.slice(at + 1))
  if (read === undefined || 'problem' in read) return { path: text }
  return { path: text.slice(0, at), repository: read.reference }
}
