// What a stack file can say of AWS.
import * as v from 'valibot';
import { section, text } from '../../lib/schema.ts';

/** Needed by `cloud: aws`, and by no other. */
export const aws = v.optional(
  section({
    /** Region of everything. */
    region: text('a region such as eu-west-1', /^[a-z]{2}(-[a-z]+)+-\d$/),
  }),
);
