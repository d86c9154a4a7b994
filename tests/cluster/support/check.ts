// Lets the checks look at a cluster that answers as a test wants it.
import * as pulumi from '@pulumi/pulumi';
import { expect } from 'chai';
import { type ClusterFacts, checkCluster } from '../../../cluster/preflight.ts';
import { type Settings, parseSettings } from '../../../config.ts';
import { type Answers, readyCluster, startApiServer } from '../../support/api-server.ts';
import { kubeconfig } from '../../support/kubeconfig.ts';
import { runStack } from '../../support/mocks.ts';

export const own = {
  'app.kubernetes.io/managed-by': 'pulumi',
  'app.kubernetes.io/instance': 'mlflow-stack.test',
};
export const foreign = { 'app.kubernetes.io/managed-by': 'Helm' };

export const namespace = (metadata: object = {}): Answers => ({
  '/api/v1/namespaces/mlflow': { metadata: { name: 'mlflow', ...metadata } },
});

/** An object in the stack's namespace; `path` as in `api/v1/secrets/name`. */
export function object(path: string, content: object = {}, metadata: object = {}): Answers {
  const [name = '', resource = '', ...group] = path.split('/').reverse();
  const folder = `/${group.reverse().join('/')}/namespaces/mlflow/${resource}`;
  return { [`${folder}/${name}`]: { metadata: { name, labels: own, ...metadata }, ...content } };
}

/** A Secret with these values, which somebody else made. */
export function secret(name: string, values: Record<string, string> = {}, labels: object = foreign): Answers {
  const data = Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
  return object(`api/v1/secrets/${name}`, { data: Object.fromEntries(data) as object }, { labels });
}

export function settingsOf(changes: object): Settings {
  return parseSettings({ cloud: 'local', kubernetes: { context: 'test' }, ...changes });
}

export interface Outcome {
  readonly mistakes: string[];
  readonly warnings: string[];
  readonly paths: string[];
  readonly facts: ClusterFacts | undefined;
}

/** What the checks say of a cluster that answers like a ready one, but for these answers. */
export async function check(answers: Answers, changes: object = {}): Promise<Outcome> {
  const api = await startApiServer();
  api.answers = { ...readyCluster(), ...answers };
  const access = { context: 'test', kubeconfig: `#\n${kubeconfig({ cluster: { server: api.url } })}` };
  let mistakes: string[] = [];
  let facts: ClusterFacts | undefined;
  try {
    const { warnings } = await runStack(async () => {
      try {
        facts = await checkCluster(access, settingsOf(changes));
      } catch (error) {
        mistakes = lines(error).map((line) => line.replaceAll(api.url, 'URL'));
      }
    });
    return { mistakes, warnings, facts, paths: api.requests.map(({ path }) => path) };
  } finally {
    await api.close();
  }
}

/** The mistakes in a message for the user. */
export function lines(error: unknown): string[] {
  expect(pulumi.RunError.isInstance(error), String(error)).to.equal(true);
  const [title, ...mistakes] = (error as Error).message.split('\n');
  expect(title).to.equal('The cluster of context "test" is not ready for this stack:');
  return mistakes.map((mistake) => mistake.trim());
}
