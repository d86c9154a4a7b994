// What everything that the stack makes in Google Cloud shares: provider, labels, APIs.
import * as pulumi from '@pulumi/pulumi';
import { Service } from '@pulumi/gcp/projects/service.js';
import { Provider } from '@pulumi/gcp/provider.js';
import type { Settings } from '../../config.ts';
import { type Api, apiHost } from './apis.ts';

type GcpSettings = NonNullable<Settings['gcp']>;

export interface GcpContext {
  readonly settings: Settings;
  readonly gcp: GcpSettings;
  readonly provider: Provider;
  /** Labels of everything that can have some. */
  readonly labels: Readonly<Record<string, string>>;
  /** The same options, after the APIs that are needed. */
  after(apis: readonly Api[], opts: pulumi.ComponentResourceOptions): pulumi.ComponentResourceOptions;
}

export function gcpContext(settings: Settings): GcpContext {
  const { gcp } = settings;
  if (gcp === undefined) throw new Error('settings without a section gcp');
  const provider = new Provider('gcp', { project: gcp.project, region: gcp.region });
  const services = new Map<Api, Service>();
  const service = (api: Api): Service => {
    const known = services.get(api);
    if (known !== undefined) return known;
    const made = new Service(
      `gcp-service-${api}`,
      // Others may use it by then.
      { service: apiHost(api), disableOnDestroy: false },
      { provider },
    );
    services.set(api, made);
    return made;
  };
  return {
    settings,
    gcp,
    provider,
    labels: {
      ...gcp.labels,
      project: labelValue(pulumi.getProject()),
      stack: labelValue(pulumi.getStack()),
      'managed-by': 'pulumi',
    },
    after: (apis, opts) => (gcp.enableServices ? { ...opts, dependsOn: apis.map(service) } : opts),
  };
}

const labelValue = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^-_a-z0-9]/g, '-')
    .slice(0, 63);
