// A cluster of which nothing may be read. The program's checks of the cluster are left out for want of rights then, as for any
// log-in of few rights, and nothing that is there already changes what it makes.
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { objectPath } from '../../cluster/client.ts';
import { databaseSecret } from '../../lib/names.ts';
import packageJson from '../../package.json' with { type: 'json' };
import type { Settings } from '../../config.ts';

export interface ClosedCluster {
  /** Text that leads to it. */
  readonly kubeconfig: string;
  close(): void;
}

/** The one context of its kubeconfig. */
export const closedContext = 'none';

/** Stands for the password that a stack has left with its database. */
const foundInCluster = '(found in the cluster)';

export async function closedCluster(stack: string, settings: Settings): Promise<ClosedCluster> {
  const answers = { '/version': { major: '1', minor: '36' }, ...leftBehind(stack, settings) };
  const server = createServer(({ url = '' }, response) => {
    const found = (answers as Record<string, object | undefined>)[url];
    response.writeHead(found === undefined ? 403 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(found ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    kubeconfig: kubeconfigOf(server),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Without a password a managed database of before is refused. */
function leftBehind(stack: string, { namespace, backendStore }: Settings): Record<string, object> {
  if (backendStore.existingInstance === undefined) return {};
  const labels = {
    'app.kubernetes.io/managed-by': 'pulumi',
    'app.kubernetes.io/instance': `${packageJson.name}.${stack}`,
  };
  return {
    [objectPath('api/v1', namespace.name, 'secrets', databaseSecret)]: {
      metadata: { name: databaseSecret, labels },
      data: { password: Buffer.from(foundInCluster).toString('base64') },
    },
  };
}

function kubeconfigOf(server: Server): string {
  const name = closedContext;
  const { port } = server.address() as AddressInfo;
  const config = {
    contexts: [{ name, context: { cluster: name, user: name } }],
    clusters: [{ name, cluster: { server: `http://127.0.0.1:${port}` } }],
    users: [{ name, user: {} }],
  };
  // JSON is YAML, too. Text is told from a path by its lines.
  return `${JSON.stringify(config)}\n`;
}
