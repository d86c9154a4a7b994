// What the services of AWS refuse, and the plug-in before them: names, ARNs, policy documents.
import {
  type ValidationError,
  validateIdentityPolicy,
  validateResourcePolicy,
  validateTrustPolicy,
} from '@cloud-copilot/iam-policy';
import type { Props } from '../store.ts';

export type Fail = (property: string, reason: string) => void;

/** Checks the texts of a resource, each by its own rule. What is not there, or not known yet, is not looked at. */
export function texts(rules: Readonly<Record<string, Rule>>) {
  return (inputs: Props, fail: Fail): void => {
    for (const [name, rule] of Object.entries(rules)) {
      const value = inputs[name];
      for (const each of Array.isArray(value) ? value : [value]) {
        const problem = typeof each === 'string' ? rule(each) : undefined;
        if (problem !== undefined)
          fail(name, `invalid value for ${name} (${JSON.stringify(each)}): ${problem}`);
      }
    }
  };
}

/** Undefined for a good value, else what is wrong. */
export type Rule = (value: string) => string | undefined;

const matching =
  (pattern: RegExp, problem: string): Rule =>
  (value) =>
    pattern.test(value) ? undefined : problem;

export const oneOf =
  (...allowed: readonly string[]): Rule =>
  (value) =>
    allowed.includes(value) ? undefined : `expected to be one of ${JSON.stringify(allowed)}`;

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
export const bucketName: Rule = (value) =>
  /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(value) &&
  !/\.\.|^xn--|^sthree-|^amzn-s3-demo-|-s3alias$|--ol-s3$|\.mrap$|--x-s3$|^\d+\.\d+\.\d+\.\d+$/.test(value)
    ? undefined
    : 'only lowercase alphanumeric characters, dots and hyphens allowed, 3 to 63 of them';

export const roleName = matching(/^[\w+=,.@-]{1,64}$/, 'must be 1 to 64 letters, digits and +=,.@-_');
export const policyName = matching(/^[\w+=,.@-]{1,128}$/, 'must be 1 to 128 letters, digits and +=,.@-_');

/** https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html */
export const databaseIdentifier: Rule = (value) =>
  /^[a-z][a-z0-9-]{0,62}$/.test(value) && !/--|-$/.test(value)
    ? undefined
    : 'only lowercase alphanumeric characters and hyphens allowed; first character must be a letter; cannot contain two consecutive hyphens; cannot end with a hyphen; 63 at most';

/** Snapshots may have longer names. */
export const snapshotIdentifier: Rule = (value) =>
  /^[a-zA-Z][a-zA-Z0-9-]{0,254}$/.test(value) && !/--|-$/.test(value)
    ? undefined
    : 'must begin with a letter; only alphanumeric characters and hyphens; no two consecutive hyphens; must not end with a hyphen';

export const groupName = matching(
  /^[a-z0-9 ._-]{1,255}$/,
  'only lowercase alphanumeric characters, hyphens, underscores, periods, and spaces allowed',
);

export const instanceClass = matching(
  /^db\.[a-z]+\d[a-z0-9-]*\.(micro|small|medium|large|(\d+)?xlarge)$/,
  'must be the class of a database instance, such as db.t4g.medium',
);

export const arn = matching(
  /^arn:aws(-[a-z]+)*:[a-z0-9-]+:[a-z0-9-]*:(\d{12}|aws)?:\S+$/,
  'is an invalid ARN: must begin with arn: and have six parts',
);

export const httpsUrl = matching(/^https:\/\/[^/\s]+(\/\S*)?$/, 'expected to have a url with scheme https');

/** https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithAutomatedBackups.html#USER_WorkingWithAutomatedBackups.BackupWindow */
export const dailyWindow = matching(
  /^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$/,
  'must satisfy the format of hh24:mi-hh24:mi',
);

type Validator = (document: unknown) => ValidationError[];

/** A policy document: JSON that IAM accepts. */
const policy =
  (validate: Validator): Rule =>
  (value) => {
    let document: unknown;
    try {
      document = JSON.parse(value);
    } catch {
      return 'contains an invalid JSON policy';
    }
    const errors = validate(document);
    return errors.length === 0
      ? undefined
      : `MalformedPolicyDocument: ${errors.map(({ path, message }) => `${path}: ${message}`).join('; ')}`;
  };

export const identityPolicy = policy((document) => validateIdentityPolicy(document));
export const resourcePolicy = policy((document) => validateResourcePolicy(document));
export const trustPolicy = policy((document) => validateTrustPolicy(document));
