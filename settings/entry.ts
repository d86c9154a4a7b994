// The ways in for people and programs outside the cluster.
import * as v from 'valibot';
import { className, flag, hostName, optionalSection, texts, wholeNumber } from '../lib/schema.ts';

export const ingress = optionalSection({
  enabled: v.optional(flag(), false),
  /** IngressClass. Default: the cluster's default class. */
  className: v.optional(className()),
  /** Hosts that people use. Each is accepted as Host header and as Origin of the UI's own requests. */
  hosts: v.optional(v.array(hostName(), 'a list of host names'), []),
  /** Port at which people reach the Ingress controller, where that is not 80: a forwarded port, for instance. */
  port: v.optional(wholeNumber(1, 65_535), 80),
  annotations: texts(),
});
