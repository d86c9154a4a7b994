// Google Cloud's APIs in front of the pretended project, as far as the real plug-in calls them to make, look at, change and delete
// what the stack consists of. All of it is kept in the project's store, by the rules and handlers of the plug-in's double.
// What takes Google time is done at once.
import { connectionsOf } from '../double/gcp/network.ts';
import { existing, lastPart, numberOf, part, text } from '../double/gcp/rules.ts';
import { call as inStorage } from '../double/gcp/storage.ts';
import type { CloudObject, Props, Store } from '../double/store.ts';
import { type Answer, found, refused } from './answers.ts';
import {
  type Asked,
  change,
  collection,
  create,
  listed,
  lookAt,
  make,
  remove,
  type Resource,
  type Routes,
  unmake,
} from './objects.ts';
import { policyRoutes } from './policies.ts';

/** By the names of the plug-in's variables, such as GOOGLE_SQL_CUSTOM_ENDPOINT, where each API is. */
export const endpoints = {
  COMPUTE: 'compute/v1',
  IAM_BETA: 'iam/v1',
  RESOURCE_MANAGER: 'cloudresourcemanager/v1',
  SECRET_MANAGER: 'secretmanager/v1',
  SERVICE_NETWORKING: 'servicenetworking/v1',
  SERVICE_USAGE: 'serviceusage/v1',
  SQL: 'sql/v1beta4',
  STORAGE: 'storage/v1',
} as const;

// The services call an operation that has ended by different names.
const ended = { name: 'operations/ended', done: true, response: {} };
const operation = { name: 'ended', status: 'DONE' };

const bucket: Resource = {
  type: 'gcp:storage/bucket:Bucket',
  inputs: ({ named, body }) => {
    const { iamConfiguration, lifecycle, softDeletePolicy } = body;
    const { publicAccessPrevention, uniformBucketLevelAccess } = part(iamConfiguration);
    const { rule } = part(lifecycle);
    return {
      ...body,
      name: named.name ?? body.name,
      project: named.project,
      publicAccessPrevention,
      uniformBucketLevelAccess: part(uniformBucketLevelAccess).enabled,
      lifecycleRules: rule,
      ...(softDeletePolicy !== undefined && {
        softDeletePolicy: {
          retentionDurationSeconds: Number(part(softDeletePolicy).retentionDurationSeconds),
        },
      }),
    };
  },
  shown: ({ id, outputs }) => ({
    ...outputs,
    id,
    kind: 'storage#bucket',
    // Large numbers are texts there.
    projectNumber: String(outputs.projectNumber),
    softDeletePolicy: {
      retentionDurationSeconds: String(part(outputs.softDeletePolicy).retentionDurationSeconds),
    },
  }),
};

const account: Resource = {
  type: 'gcp:serviceaccount/account:Account',
  inputs: ({ named, body }) => ({
    ...part(body.serviceAccount),
    accountId: body.accountId ?? named.name?.split('@')[0],
    project: named.project,
  }),
  shown: ({ inputs, outputs }) => ({ ...outputs, projectId: inputs.project }),
};

const instance: Resource = {
  type: 'gcp:sql/databaseInstance:DatabaseInstance',
  inputs: ({ named, body }) => {
    const settings = part(body.settings);
    const { dataDiskSizeGb } = settings;
    return {
      ...body,
      name: named.name ?? body.name,
      project: named.project,
      settings: { ...settings, ...(dataDiskSizeGb !== undefined && { diskSize: Number(dataDiskSizeGb) }) },
    };
  },
  shown: ({ outputs }) => {
    const { version, ...settings } = part(outputs.settings);
    const [serverCaCert] = outputs.serverCaCerts as Props[];
    return {
      ...outputs,
      kind: 'sql#instance',
      state: 'RUNNABLE',
      settings: { ...settings, settingsVersion: String(version) },
      serverCaCert,
      ipAddresses: (outputs.ipAddresses as Props[]).map(({ ipAddress, type }) => ({ ipAddress, type })),
    };
  },
  changed: () => operation,
};

const database: Resource = {
  type: 'gcp:sql/database:Database',
  inputs: ({ named: { project, instance, name }, body }) => ({
    ...body,
    name: name ?? body.name,
    project,
    instance,
  }),
  shown: ({ outputs }) => outputs,
  changed: () => operation,
};

const user: Resource = {
  ...database,
  type: 'gcp:sql/user:User',
  shown: ({ outputs: { name, host, type, iamEmail, instance: of, project } }) => ({
    ...{ name, host, type, iamEmail, project },
    instance: of,
  }),
};

const secret: Resource = {
  type: 'gcp:secretmanager/secret:Secret',
  inputs: ({ named, body }) => ({
    ...body,
    secretId: named.secretId ?? named.name,
    project: named.project,
    replication: {
      auto: part(body.replication).automatic ?? undefined,
      userManaged: part(body.replication).userManaged ?? undefined,
    },
  }),
  shown: ({ outputs }) => {
    const { auto: automatic, userManaged } = part(outputs.replication);
    return { ...outputs, replication: { automatic, userManaged } };
  },
};

const secretPath = ({ project, secret: name }: Asked['named']) => `projects/${project}/secrets/${name}`;

const version: Resource = {
  type: 'gcp:secretmanager/secretVersion:SecretVersion',
  inputs: ({ named, body }) => ({
    secret: secretPath(named),
    secretData: Buffer.from(text(part(body.payload).data), 'base64').toString(),
    enabled: true,
  }),
  shown: ({ outputs: { name, createTime } }) => ({ name, createTime, state: 'ENABLED' }),
};

/** By its number, or the newest. */
function versionAt({ context, named }: Asked): CloudObject {
  const path = secretPath(named);
  const all = context.store.list(version.type).filter(({ inputs }) => inputs.secret === path);
  const newest = Math.max(...all.map(({ outputs }) => Number(outputs.version)));
  const wanted = named.version === 'latest' ? newest : named.version;
  return existing(context.store, version.type, `${path}/versions/${wanted}`, `Secret Version [${path}]`);
}

const address: Resource = {
  type: 'gcp:compute/globalAddress:GlobalAddress',
  inputs: ({ named, body }) => ({ ...body, name: named.name ?? body.name, project: named.project }),
  shown: ({ outputs }) => outputs,
  changed: () => operation,
};

const network: Resource = { ...address, type: 'gcp:compute/network:Network' };

const connection: Resource = {
  type: 'gcp:servicenetworking/connection:Connection',
  inputs: ({ context, named, body }) => ({
    ...body,
    service: named.service,
    // Asked for by the project's number.
    network: `projects/${text(context.config.project)}/global/networks/${lastPart(body.network)}`,
  }),
  shown: ({ outputs }) => outputs,
  changed: () => ended,
};

const service: Resource = {
  type: 'gcp:projects/service:Service',
  inputs: ({ named: { project, name } }) => ({ project, service: name }),
  shown: ({ inputs: { project, service: name } }) => ({
    name: `projects/${text(project)}/services/${text(name)}`,
    state: 'ENABLED',
  }),
  changed: () => ended,
};

const instances = '/sql/v1beta4/projects/{project}/instances';
const inInstance = `${instances}/{instance}`;
const services = '/serviceusage/v1/projects/{project}/services';
const versions = '/secretmanager/v1/projects/{project}/secrets/{secret}/versions';
const connections = '/servicenetworking/v1/services/{service}/connections';
const addresses = '/compute/v1/projects/{project}/global/addresses';

const routes: Routes = {
  ...collection('/storage/v1/b', bucket),
  ...collection('/iam/v1/projects/{project}/serviceAccounts', account),
  ...collection(instances, instance),
  [`PUT ${instances}/{name}`]: (asked) => {
    const { settings } = lookAt(instance, asked).outputs;
    // Whoever writes what they have not read would undo the changes of others.
    if (Number(part(asked.body.settings).settingsVersion) !== part(settings).version)
      throw new Error('googleapi: Error 412: Condition does not match., staleData');
    return change(instance, asked);
  },
  ...collection(`${inInstance}/databases`, database),
  ...collection('/secretmanager/v1/projects/{project}/secrets', secret),
  ...collection(addresses, address),
  ...collection('/compute/v1/projects/{project}/global/networks', network),
  ...policyRoutes,
  'GET /storage/v1/b/{bucket}/o': ({ named: { bucket: name, pageToken = '' } }) =>
    inStorage('GET', `b/${name}/o?versions=true&pageToken=${pageToken}`),
  'DELETE /storage/v1/b/{bucket}/o/{object}': ({ named: { bucket: name, object = '', generation } }) =>
    inStorage('DELETE', `b/${name}/o/${encodeURIComponent(object)}?generation=${generation}`),
  [`GET ${inInstance}/users`]: (asked) => ({ items: listed(user, asked, 'instance') }),
  [`POST ${inInstance}/users`]: (asked) => create(user, asked),
  [`PUT ${inInstance}/users`]: (asked) => change(user, asked),
  [`DELETE ${inInstance}/users`]: (asked) => remove(user, asked),
  'POST /secretmanager/v1/projects/{project}/secrets/{secret}:addVersion': (asked) => create(version, asked),
  [`GET ${versions}/{version}`]: (asked) => version.shown(versionAt(asked)),
  [`GET ${versions}/{version}:access`]: (asked) => {
    const { name, secretData } = versionAt(asked).outputs;
    return { name, payload: { data: Buffer.from(text(secretData)).toString('base64') } };
  },
  [`POST ${versions}/{version}:enable`]: (asked) => version.shown(versionAt(asked)),
  [`POST ${versions}/{version}:destroy`]: async (asked) => {
    const gone = versionAt(asked);
    await unmake(version.type, gone, asked.context);
    return { ...version.shown(gone), state: 'DESTROYED' };
  },
  [`POST ${addresses}/{name}/setLabels`]: (asked) => change(address, asked),
  [`POST ${connections}`]: (asked) => {
    if (connectionsOf(asked.context.store, asked.body.network).length > 0)
      throw new Error('googleapi: Error 400: Cannot modify allocated ranges in CreateConnection.');
    return create(connection, asked);
  },
  // The former one with other ranges. A network has one at most, so none is named.
  [`PATCH ${connections}/-`]: async (asked) => {
    await make(connection.type, { ...connection.inputs(asked), updateOnCreationFail: true }, asked.context);
    return ended;
  },
  [`GET ${connections}`]: (asked) => ({
    connections: connectionsOf(asked.context.store, asked.named.network).map((object) => ({
      ...connection.shown(object),
      network: asked.named.network,
    })),
  }),
  [`GET ${services}`]: (asked) => ({ services: listed(service, asked, 'project') }),
  [`POST ${services}/{name}:enable`]: (asked) => create(service, asked),
  [`POST ${services}/{name}:disable`]: (asked) => remove(service, asked),
  [`POST ${services}:batchEnable`]: async (asked) => {
    for (const name of asked.body.serviceIds as string[])
      await create(service, { ...asked, named: { ...asked.named, name } });
    return ended;
  },
  [`GET ${services}:batchGet`]: ({ context, named }) => ({
    services: named.names?.split('\n').map((name) => {
      const id = `${name.split('/')[1] ?? ''}/${lastPart(name)}`;
      return { name, state: context.store.get(service.type, id) ? 'ENABLED' : 'DISABLED' };
    }),
  }),
  // The one project, by its number.
  'GET /compute/v1/projects/{project}': ({ context: { config } }) => ({ name: config.project }),
  'GET /cloudresourcemanager/v1/projects/{project}': ({ named: { project = '' } }) => ({
    projectId: project,
    name: project,
    projectNumber: numberOf(project),
    lifecycleState: 'ACTIVE',
  }),
};

/** Patterns of paths, in which `{name}` stands for a part that has a name. */
const compiled = Object.entries(routes).map(([route, answer]) => {
  const pattern = route.replaceAll('.', '\\.').replaceAll(/\{(\w+)\}/g, '(?<$1>[^/:]+)');
  return { pattern: new RegExp(`^${pattern}$`), answer };
});

/** Undefined where none of the APIs has such a path. */
export async function answerTo(
  store: Store,
  project: string,
  { method, url, body }: { readonly method: string; readonly url: string; readonly body: string },
): Promise<Answer | undefined> {
  const { pathname, searchParams } = new URL(url, 'http://google');
  for (const { pattern, answer } of compiled) {
    const match = pattern.exec(`${method} ${pathname}`);
    if (match === null) continue;
    const names = Object.entries(match.groups ?? {}).map(([name, value]) => [
      name,
      decodeURIComponent(value),
    ]);
    const asked = [...new Set(searchParams.keys())].map((name) => [
      name,
      searchParams.getAll(name).join('\n'),
    ]);
    const context = { store, config: { project } };
    try {
      return found(
        await answer({
          context,
          named: Object.fromEntries([...asked, ...names]) as Asked['named'],
          body: body === '' ? {} : (JSON.parse(body) as Props),
        }),
      );
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error);
      return refused(Number(/Error (\d{3}):/.exec(said)?.[1] ?? 400), said);
    }
  }
  return undefined;
}
