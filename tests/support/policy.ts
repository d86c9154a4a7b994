// Resources as the rules of policy/ see them: of a run against mocks, and of an exported state.
import * as pulumi from '@pulumi/pulumi';
import type { Props, Resource } from '../../policy/resource.ts';
import type { StateResource } from '../../tools/lib/scratch-stack.ts';
import type { Registered, Run } from './mocks.ts';

const { specialSecretSig, specialSigKey, unknownValue } = pulumi.runtime;

/** Secrets in the open, as a policy pack sees them; what is encrypted is not known. */
function opened(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(opened);
  if (typeof value !== 'object' || value === null) return value;
  const fields = value as Record<string, unknown>;
  if (fields[specialSigKey] === specialSecretSig)
    return opened('value' in fields ? fields.value : unknownValue);
  return Object.fromEntries(Object.entries(fields).map(([key, item]) => [key, opened(item)]));
}

/** What a program has registered, as one stack. */
export function resourcesOf({ resources }: Pick<Run, 'resources'>, stack: string): Resource[] {
  const byId = new Map(resources.map((each) => [each.id, each]));
  return resources.map(({ type, name, inputs, protect, provider }: Registered) => ({
    type,
    name,
    project: 'mlflow-stack',
    stack,
    props: opened(inputs) as Props,
    protect,
    provider: opened(byId.get(provider ?? '')?.inputs) as Props | undefined,
  }));
}

/** What an exported state has. */
export function resourcesOfState(resources: readonly StateResource[]): Resource[] {
  const byUrn = new Map(resources.map((each) => [each.urn, each]));
  return resources.map(({ urn, type, inputs = {}, protect = false, provider = '' }) => {
    const [, , stack = '', project = ''] = urn.split(/::?/);
    const providerUrn = provider.slice(0, provider.lastIndexOf('::'));
    return {
      type,
      name: urn.split('::')[3] ?? '',
      project,
      stack,
      props: opened(inputs) as Props,
      protect,
      provider: opened(byUrn.get(providerUrn)?.inputs) as Props | undefined,
    };
  });
}
