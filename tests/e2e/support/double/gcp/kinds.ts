import type { Kind } from '../provider.ts';

const bucket: Kind = {
  replaceOnChanges: ['name', 'location', 'project'],
  autoname: { property: 'name', maxLength: 222 },
  defaults: (_, { project }) => ({ project, deletionPolicy: 'DELETE' }),
  id: ({ name }) => name as string,
  computed: ({ name }) => ({ url: `gs://${name as string}` }),
};

export const kinds: Readonly<Record<string, Kind>> = { 'gcp:storage/bucket:Bucket': bucket };
