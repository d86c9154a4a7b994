// Secrets that the stack has the External Secrets Operator make.
import type { Settings } from '../settings/index.ts';

export interface MadeSecret {
  readonly name: string;
  readonly type: string;
  /** Its keys, and where their values are. */
  readonly data: readonly {
    readonly key: string;
    readonly from: string;
    readonly property?: string | undefined;
    readonly version?: string | undefined;
  }[];
  /** Further keys, with templates of their values. */
  readonly template: Readonly<Record<string, string>>;
}

/** The one of this name; undefined where somebody else makes it. */
export const madeSecret = ({ externalSecrets }: Settings, name: string): MadeSecret | undefined =>
  externalSecrets.secrets.find((each) => each.name === name);

/** All keys that it will have. */
export const madeKeys = ({ data, template }: MadeSecret): string[] => [
  ...data.map(({ key }) => key),
  ...Object.keys(template),
];

/** Names of values that a template reads. */
export const templateFields = (text: string): string[] =>
  [...text.matchAll(/\{\{(.*?)\}\}/gs)].flatMap(([, action = '']) =>
    [...action.replace(/"[^"]*"/g, '').matchAll(/(?<![\w)])\.(\w+)/g)].map(([, field = '']) => field),
  );

/** A template with something in place of what it reads. */
export const templateSample = (text: string): string => text.replace(/\{\{.*?\}\}/gs, 'x');
