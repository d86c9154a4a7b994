// What a stack file can say of Google Cloud.
import * as v from 'valibot';
import { section, text } from '../../lib/schema.ts';

/** Needed by `cloud: gcp`, and by no other. */
export const gcp = v.optional(
  section({
    /** Project that everything is made in. */
    project: text('the id of a project such as my-team-dev', /^[a-z][-a-z0-9]{4,28}[a-z0-9]$/),
    /** Region of the stores. */
    region: text('a region such as europe-west1', /^[a-z]+-[a-z]+\d+$/),
  }),
);
