import * as pulumi from '@pulumi/pulumi';

/** Value of `app.kubernetes.io/instance`, which tells one stack's objects from another's. */
export const instanceName = (): string => `${pulumi.getProject()}.${pulumi.getStack()}`;

/** What everything in a cloud carries that can have tags. */
export const ownTags = () => ({
  project: pulumi.getProject(),
  stack: pulumi.getStack(),
  'managed-by': 'pulumi',
});

/**
 * Project and stack as the beginning of a name in a cloud: lower-case letters, digits and single hyphens. Random digits after
 * it tell it from those of others.
 */
export function cloudName(maxLength: number): string {
  const plain = `${pulumi.getProject()}-${pulumi.getStack()}`.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  return plain
    .replace(/^[^a-z]+/, '')
    .slice(0, maxLength)
    .replace(/-$/, '');
}

/**
 * What a selector matches: the pods of one component of this stack, never those of another component.
 * https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/
 */
export function selectorLabels(component: string): Record<string, string> {
  return {
    'app.kubernetes.io/name': 'mlflow',
    'app.kubernetes.io/instance': instanceName(),
    'app.kubernetes.io/component': component,
  };
}

/** The labels that every object of the stack carries. They also tell that it is this stack's own. */
export function objectLabels(component: string): Record<string, string> {
  return {
    ...selectorLabels(component),
    'app.kubernetes.io/part-of': 'mlflow-stack',
    'app.kubernetes.io/managed-by': 'pulumi',
  };
}

/** Whether an object with these labels was made by this stack. */
export function isOwn(labels: Record<string, string> | undefined): boolean {
  return (
    labels?.['app.kubernetes.io/managed-by'] === 'pulumi' &&
    labels['app.kubernetes.io/instance'] === instanceName()
  );
}

/**
 * Annotation of objects that others have written to: the rollout that stops a server, or, for what was retained, the stack of
 * before. What they left is overruled; nobody else's objects are touched, see cluster/preflight.ts. https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/managing-resources-with-server-side-apply/
 */
export const overruleOthers = { 'pulumi.com/patchForce': 'true' } as const;
