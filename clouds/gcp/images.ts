import type * as pulumi from '@pulumi/pulumi';
import { RepositoryIamMember } from '@pulumi/gcp/artifactregistry/repositoryIamMember.js';
import type { GcpContext } from './context.ts';
import { repositoryOf } from './plan.ts';

/** Lets the accounts of nodes read one repository of images. */
export function readableImages(
  { settings }: GcpContext,
  name: string,
  opts: pulumi.ComponentResourceOptions,
): void {
  const { imageRepository = '', imageReaders } = settings.identity;
  for (const email of imageReaders)
    new RepositoryIamMember(
      `${name}-images-${email.replace(/[^a-z0-9]+/g, '-')}`,
      {
        ...repositoryOf(imageRepository),
        role: 'roles/artifactregistry.reader',
        member: `serviceAccount:${email}`,
      },
      opts,
    );
}
