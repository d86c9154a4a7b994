// What is read through the External Secrets Operator: from where, and into which Secrets.
import { madeKeys, madeSecret, templateFields } from '../../lib/external-secrets.ts';
import { plannedObjects } from '../../lib/names.ts';
import { secretReferences } from '../../lib/secret-references.ts';
import type { Settings } from '../index.ts';
import { type Rule, repeated, sentences } from './rule.ts';

export function externalSecrets(settings: Settings): string[] {
  const { secrets } = settings.externalSecrets;
  return [
    ...sentences([...store(settings), ...secrets.flatMap(made(settings))]),
    ...repeated(
      'externalSecrets.secrets',
      secrets.map(({ name }) => name),
    ),
    ...secrets.flatMap((secret, index) => repeated(`externalSecrets.secrets[${index}]`, madeKeys(secret))),
    ...missingKeys(settings),
  ];
}

/** The cloud that alone can give rights in a secret manager. */
const clouds: Readonly<Record<string, string>> = { gcpSecretManager: 'gcp', awsSecretsManager: 'aws' };
const elsewhere = 'name a store that is there in externalSecrets.store.name';

function store({ cloud, externalSecrets, identity }: Settings): Rule[] {
  const { secrets, store: given } = externalSecrets;
  if (given === undefined)
    return [
      [
        secrets.length > 0,
        'externalSecrets.store is missing, from which externalSecrets.secrets are read; give its name, or a provider',
      ],
    ];
  const { kmsKeyArn, name, provider, vault } = given;
  const own = clouds[provider ?? ''];
  return [
    [
      secrets.length === 0,
      'externalSecrets.secrets is empty, so that nothing is read from externalSecrets.store; name secrets, or remove it',
    ],
    [
      (name === undefined) === (provider === undefined),
      `externalSecrets.store has ${name === undefined ? 'neither name nor provider' : 'name and provider'}; give the name of a store that is there, or the provider of one that the stack makes`,
    ],
    [
      own !== undefined && cloud !== own,
      `externalSecrets.store.provider is ${provider ?? ''}, in which the stack gives rights on cloud ${own ?? ''}, but cloud is ${cloud}; ${elsewhere}`,
    ],
    [
      own !== undefined && cloud === own && identity.kind !== 'workload',
      `externalSecrets.store.provider is ${provider ?? ''}, whose operator logs in as a ServiceAccount that the cloud trusts, but identity.kind is ${identity.kind}; use workload, or ${elsewhere}`,
    ],
    [
      provider === 'vault' && vault === undefined,
      'externalSecrets.store.vault is missing, which provider vault needs: server and role',
    ],
    [
      provider !== 'vault' && vault !== undefined,
      'externalSecrets.store.vault is for provider vault; remove it or change the provider',
    ],
    [
      provider !== 'awsSecretsManager' && kmsKeyArn !== undefined,
      'externalSecrets.store.kmsKeyArn is for provider awsSecretsManager; remove it or change the provider',
    ],
  ];
}

/** What names of secrets look like, where the stack gives rights on them. */
const nameRules: Readonly<Record<string, readonly [RegExp, string]>> = {
  gcpSecretManager: [
    /^[-\w]{1,255}$/,
    'the name of a secret of the project, without projects/ and versions/',
  ],
  awsSecretsManager: [
    /^([\w/+=.@-]{1,512}|arn:aws[a-z-]*:secretsmanager:\S+)$/,
    'the name or the ARN of a secret',
  ],
};

const made =
  ({ externalSecrets }: Settings) =>
  ({ name, data, template }: Settings['externalSecrets']['secrets'][number], index: number): Rule[] => {
    const where = `externalSecrets.secrets[${index}]`;
    const [pattern, allowed] = nameRules[externalSecrets.store?.provider ?? ''] ?? [/^/, ''];
    const keys = data.map(({ key }) => key);
    return [
      [data.length === 0, `${where}.data is empty; name at least one value, by key and from`],
      [
        plannedObjects.some((own) => own.kind === 'Secret' && own.name === name),
        `${where}.name is ${name}, which is the stack's own; choose another`,
      ],
      ...data.map(({ from }, at): Rule => [
        !pattern.test(from),
        `${where}.data[${at}].from is ${from}; allowed: ${allowed}`,
      ]),
      ...Object.entries(template).flatMap(([key, text]) =>
        templateFields(text).map((field): Rule => [
          !keys.includes(field),
          `${where}.template.${key} reads .${field}, which is no key of its data (it has ${keys.join(', ')}); correct it`,
        ]),
      ),
    ];
  };

/** What other settings want of these Secrets, and will not find. */
function missingKeys(settings: Settings): string[] {
  const missing = secretReferences(settings).flatMap(({ setting, kind, name, keys }) => {
    const secret = kind === 'Secret' ? madeSecret(settings, name) : undefined;
    if (secret === undefined) return [];
    const known = madeKeys(secret);
    return keys
      .filter((key) => !known.includes(key))
      .map(
        (key) =>
          `externalSecrets.secrets makes Secret "${name}" without key "${key}", which ${setting} names (it has ${known.join(', ')}); add it`,
      );
  });
  return [...new Set(missing)];
}
