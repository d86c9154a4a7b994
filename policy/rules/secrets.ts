// Secrets and keys: where they must not be.
import { looksSecret } from '../../lib/secret-names.ts';
import {
  type Resource,
  type Rule,
  at,
  cloudOf,
  containers,
  isAws,
  isGcp,
  isKubernetes,
  isObject,
  isUnknown,
} from '../resource.ts';

/** `scheme://user:password@host`: no template of one, such as `$(PASSWORD)`, and no file that speaks of one. */
const uriWithPassword = /^\S*\w:\/\/[^\s/:@]*:[^\s/@{}$]+@\S+$/;

const isGiven = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && !isUnknown(value);

/** `GOOGLE_APPLICATION_CREDENTIALS=/etc/key.json` says where a secret is, not what it is. */
const isPath = (name: string, value: string) =>
  /_(FILE|PATH|CREDENTIALS)$/.test(name) && value.startsWith('/');

/** Whether a value under this name is something that whoever may read pods or ConfigMaps must not see. */
const gives = (name: string, value: unknown): boolean =>
  isGiven(value) && ((looksSecret(name) && !isPath(name, value)) || uriWithPassword.test(value));

export const noPlainSecrets: Rule = {
  name: 'no-plain-secrets',
  description: 'Pods read secrets from Secrets, never from variables, arguments or ConfigMaps.',
  resource: (resource) => [
    ...containers(resource).flatMap(({ name, env = [], command = [], args = [] }) => [
      ...env
        .filter((variable) => gives(variable.name, variable.value))
        .map(
          (variable) =>
            `container ${name} has a secret in variable ${variable.name}; use valueFrom.secretKeyRef`,
        ),
      ...([...command, ...args].some((text) => gives('', text))
        ? [`container ${name} has a password among its arguments; use a variable from a Secret`]
        : []),
    ]),
    ...(isKubernetes(resource, 'ConfigMap') && isObject(resource.props.data)
      ? Object.entries(resource.props.data)
          .filter(([name, value]) => gives(name, value))
          .map(([name]) => `key ${name} of a ConfigMap holds a secret; use a Secret`)
      : []),
  ],
};

const cloudKeys = ['AWS_SECRET_ACCESS_KEY', 'GOOGLE_APPLICATION_CREDENTIALS'];
const use = 'pods get a short-lived identity of their cloud instead';

export const noStaticKeys: Rule = {
  name: 'no-static-keys',
  description: `No keys for a cloud are made or handed to pods: ${use}.`,
  resource: (resource) =>
    isAws(resource, 'AccessKey', 'ServiceSpecificCredential') ||
    (isGcp(resource, 'Key', 'HmacKey') && !isGcpCipher(resource))
      ? [`makes a key that does not expire; ${use}`]
      : [],
  stack: (resource, all) => {
    const onCloud = all.some((each) => ['aws', 'gcp'].includes(cloudOf(each)));
    // Another S3 server than the cloud's own knows no identities.
    if (!onCloud || all.some(namesEndpoint)) return [];
    return containers(resource).flatMap(({ name, env = [] }) =>
      env
        .filter((variable) => cloudKeys.includes(variable.name))
        .map((variable) => `container ${name} is given ${variable.name}; ${use}`),
    );
  },
};

/** A key that encrypts, and no log-in. */
const isGcpCipher = ({ type }: Resource): boolean => type.startsWith('gcp:kms/');

const namesEndpoint = (resource: Resource): boolean =>
  isKubernetes(resource, 'ConfigMap') && at(resource.props, 'data.MLFLOW_S3_ENDPOINT_URL') !== undefined;
