// What a stack file can say of Google Cloud.
import * as v from 'valibot';
import { defaultImages } from '../../lib/image.ts';
import {
  flag,
  imageWithTag,
  oneOf,
  optionalSection,
  resources,
  section,
  text,
  wholeNumber,
} from '../../lib/schema.ts';

/** https://cloud.google.com/resource-manager/docs/creating-managing-projects#before_you_begin */
const projectId = () =>
  text(
    'the id of a project such as my-team-dev: 6 to 30 lower-case letters, digits and hyphens, beginning with a letter',
    /^[a-z][-a-z0-9]{4,28}[a-z0-9]$/,
  );

/** https://cloud.google.com/compute/docs/labeling-resources#requirements */
function labels() {
  const allowed =
    'a section of labels, names and values of at most 63 lower-case letters, digits, hyphens and underscores';
  return v.optional(
    v.record(
      v.pipe(v.string(allowed), v.regex(/^[a-z][-_a-z0-9]{0,62}$/, allowed)),
      v.pipe(v.string(allowed), v.regex(/^[-_a-z0-9]{0,63}$/, allowed)),
      allowed,
    ),
    {},
  );
}

/** Needed by `cloud: gcp`, and by no other. */
export const gcp = v.optional(
  section({
    /** Project that everything is made in. */
    project: projectId(),
    /** Region of the stores. */
    region: text('a region such as europe-west1', /^[a-z]+-[a-z]+\d+$/),
    /** Zone that the database prefers, near the nodes. Default: chosen by Google. */
    zone: v.optional(text('a zone such as europe-west1-b', /^[a-z]+-[a-z]+\d+-[a-f]$/)),
    /** Network of the cluster, in which the database gets a private address. Needed where the stack makes the database. */
    network: v.optional(
      text(
        'the name of a network such as my-network, or projects/host-project/global/networks/my-network',
        /^(projects\/[a-z][-a-z0-9]{4,28}[a-z0-9]\/global\/networks\/)?[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/,
      ),
    ),
    /** Subnetwork of internal load balancers with `ingress.staticIp`. */
    subnetwork: v.optional(
      text(
        'the name of a subnetwork such as my-subnetwork, or projects/host-project/regions/region/subnetworks/my-subnetwork',
        /^(projects\/[a-z][-a-z0-9]{4,28}[a-z0-9]\/regions\/[a-z]+-[a-z]+\d+\/subnetworks\/)?[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/,
      ),
    ),
    /**
     * The network's connection to Google's own services, through which the database is reached. `create`: made by the stack,
     * with a range of addresses. `existing`: the network has one, which it must only have once.
     */
    privateServices: v.optional(oneOf(['create', 'existing']), 'create'),
    /** Size of that range: /24 is for about 60 instances in one region. */
    privateServicesPrefixLength: v.optional(wholeNumber(16, 24), 20),
    /** Project of the cluster, whose pods are trusted. Default: the project. */
    clusterProject: v.optional(projectId()),
    /** Switches on the APIs that the stack needs; they stay on. */
    enableServices: v.optional(flag(), false),
    /**
     * Cloud SQL Auth Proxy between pods and database. `none`: the private address, over TLS. `sidecar`: in each pod that uses
     * the database. `deployment`: one for all, with an identity of its own. Default: `none`, or `sidecar` with
     * `backendStore.auth` iam.
     */
    cloudSqlProxy: optionalSection({
      /** `none`, `sidecar` or `deployment`. Default: `none`, or `sidecar` with `backendStore.auth` iam. */
      kind: v.optional(oneOf(['none', 'sidecar', 'deployment'])),
      /** Image of the proxy, the official one or a copy of it. */
      image: v.optional(imageWithTag(), defaultImages.cloudSqlProxy),
      /** Of each proxy. */
      resources: resources({ requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '256Mi' } }),
      /** Pods of kind `deployment`. */
      replicas: v.optional(wholeNumber(1, 10), 2),
    }),
    /**
     * Database and user are in `backendStore.existingInstance` already, as an earlier stack left them. The stack makes
     * neither, and logs in by the password that is left in the cluster, or by `backendStore.password` or `passwordFrom`.
     */
    existingDatabase: v.optional(flag(), false),
    /** Google service account that owns the data with `backendStore.auth` iam, as an earlier stack left it. Default: made. */
    databaseAccount: v.optional(
      text(
        'the address of a service account such as mlflow@my-team-dev.iam.gserviceaccount.com',
        /^[a-z][-a-z0-9]{4,28}[a-z0-9]@[a-z][-a-z0-9]{4,28}[a-z0-9]\.iam\.gserviceaccount\.com$/,
      ),
    ),
    /** Labels of everything that can have some, beside the stack's own. */
    labels: labels(),
  }),
);
