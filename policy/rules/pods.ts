// Pods: what they may do, what they may use, what they are made of.
import {
  type Finding,
  type Rule,
  at,
  containers,
  isKubernetes,
  isUnknown,
  list,
  podSpec,
} from '../resource.ts';
import { violations } from '../restricted.ts';

const token = 'gets a service account token';

export const restrictedPods: Rule = {
  name: 'restricted-pods',
  description:
    'Pods pass the restricted pod security level, on a root file system that they cannot write to.',
  resource: (resource) => {
    const pod = podSpec(resource);
    return pod === undefined ? [] : violations(pod).filter((found) => found !== token);
  },
};

export const noIdleToken: Rule = {
  name: 'no-idle-token',
  description: 'Pods get a token for the Kubernetes API only where a binding gives them rights there.',
  stack: (resource, all) => {
    const pod = podSpec(resource);
    if (pod === undefined || !violations(pod).includes(token)) return [];
    const subjects = all
      .filter((each) => isKubernetes(each, 'RoleBinding', 'ClusterRoleBinding'))
      .flatMap(({ props }) => list(props.subjects).map((subject) => at(subject, 'name')));
    return subjects.some((name) => isUnknown(name) || name === pod.serviceAccountName)
      ? []
      : [`${token} that it has no use for; set automountServiceAccountToken to false`];
  },
};

export const requests: Rule = {
  name: 'requests',
  description: 'Containers say how much processor and memory they need, and how much memory they may use.',
  resource: (resource) =>
    containers(resource).flatMap(({ name, resources }): Finding[] => {
      const missing = [
        ...['cpu', 'memory']
          .filter((kind) => resources?.requests?.[kind] === undefined)
          .map((kind) => `requests.${kind}`),
        ...(resources?.limits?.memory === undefined ? ['limits.memory'] : []),
      ];
      return missing.length === 0 ? [] : [`container ${name} lacks resources: ${missing.join(', ')}`];
    }),
};

export const pinnedImages: Rule = {
  name: 'pinned-images',
  description: 'Images are named by a tag other than latest, or by digest.',
  resource: (resource) =>
    containers(resource)
      .filter(({ image = '' }) => !isUnknown(image) && !isPinned(image))
      .map(({ name, image = 'no image' }) => `container ${name} runs ${image}; name a version or a digest`),
};

/** https://github.com/distribution/reference/blob/main/reference.go */
export function isPinned(image: string): boolean {
  if (/@sha256:[0-9a-f]{64}$/.test(image)) return true;
  const [, tag = ''] = /^[^@]+:(\w[\w.-]*)$/.exec(image) ?? [];
  return tag !== '' && tag !== 'latest';
}
