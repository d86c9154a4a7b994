// Passwords and keys, and where they come from.
import type { Settings } from '../index.ts';
import { type Rule, repeated, sentences } from './rule.ts';

/** Passwords from tutorials and other charts, which are the first that an intruder tries. */
const wellKnownPasswords = /^(password|mlflow|postgres|admin|secret|changeme|123)+\W*\d*\W*$/i;

export function secrets({ backendStore, auth, cloud, secrets: { existing, store } }: Settings): string[] {
  const passwords = [
    { key: 'backendStore.password', value: backendStore.password, from: backendStore.passwordFrom },
    { key: 'auth.adminPassword', value: auth.adminPassword, from: auth.adminPasswordFrom },
  ];
  return [
    ...repeated('secrets.existing', existing),
    ...sentences([
      ...passwords.flatMap(({ key, value, from }): Rule[] => [
        [
          value !== undefined && wellKnownPasswords.test(value),
          `${key} is a well-known password; leave it out to have one generated`,
        ],
        [
          value !== undefined && from !== undefined,
          `${key} and ${key}From are two sources of one secret; remove one of them`,
        ],
      ]),
      [
        backendStore.kind === 'sqlite' &&
          (backendStore.password !== undefined || backendStore.passwordFrom !== undefined),
        'backendStore.password is for kind postgres, but kind is sqlite; remove it or change the kind',
      ],
      [
        store === 'cloud' && cloud === 'local',
        'secrets.store is cloud, but cloud local has no secret manager; use cluster',
      ],
      [
        store === 'cluster' && existing.length > 0,
        'secrets.existing is for secrets.store cloud, but store is cluster; set store to cloud, or remove it',
      ],
    ]),
  ];
}
