import type * as pulumi from '@pulumi/pulumi';
import { RepositoryIamMember } from '@pulumi/gcp/artifactregistry/repositoryIamMember.js';
import type { GcpContext } from './context.ts';
import { repositoryOf } from './plan.ts';

/** Lets the accounts of nodes read one repository of images. */
export function readableImages(
  context: GcpContext,
  name: string,
  opts: pulumi.ComponentResourceOptions,
): void {
  const { gcp, settings } = context;
  const { imageRepository = '', imageReaders } = settings.identity;
  const repository = repositoryOf(imageRepository);
  // Of other projects, the stack changes nothing else.
  const own = repository.project === gcp.project ? context.after(['artifactregistry'], opts) : opts;
  for (const email of imageReaders)
    new RepositoryIamMember(
      `${name}-images-${email.replace(/[^a-z0-9]+/g, '-')}`,
      {
        ...repository,
        role: 'roles/artifactregistry.reader',
        member: `serviceAccount:${email}`,
      },
      own,
    );
}
