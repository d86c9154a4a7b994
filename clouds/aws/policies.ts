// Policy documents: who may do what. Pure, so that tests can evaluate them.

export interface Statement {
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: string | readonly string[];
  readonly Resource?: string | readonly string[];
  readonly Principal?: string | Readonly<Record<string, string>>;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export const policyDocument = (...statements: readonly Statement[]): string =>
  JSON.stringify({ Version: '2012-10-17', Statement: statements });

const allow = (Action: Statement['Action'], Resource: string | readonly string[]): Statement => ({
  Effect: 'Allow',
  Action,
  Resource,
});

export interface BucketRights {
  /** ARN of the bucket that is written to. */
  readonly bucketArn: string;
  /** Key that encrypts it, where it is the user's own. */
  readonly keyArn?: string | undefined;
  /** ARNs of buckets that are only read. */
  readonly readArns: readonly string[];
}

/** Reads, writes and deletes files in the bucket: what MLflow does, and nothing else. */
export function bucketStatements({ bucketArn, keyArn, readArns }: BucketRights): Statement[] {
  return [
    allow(['s3:AbortMultipartUpload', 's3:DeleteObject', 's3:GetObject', 's3:PutObject'], `${bucketArn}/*`),
    allow(['s3:GetBucketLocation', 's3:ListBucket'], bucketArn),
    ...(keyArn === undefined ? [] : [allow(['kms:Decrypt', 'kms:GenerateDataKey'], keyArn)]),
    ...(readArns.length === 0
      ? []
      : [
          allow(
            's3:GetObject',
            readArns.map((arn) => `${arn}/*`),
          ),
          allow(['s3:GetBucketLocation', 's3:ListBucket'], readArns),
        ]),
  ];
}

/** Reads values of secrets, and decrypts those that a key of the user encrypts. */
export const secretStatements = (secretArns: readonly string[], keyArn: string | undefined): Statement[] => [
  allow('secretsmanager:GetSecretValue', secretArns),
  ...(keyArn === undefined ? [] : [allow('kms:Decrypt', keyArn)]),
];

/** Logs in to the database as one user. */
export const databaseStatement = (userArn: string): Statement => allow('rds-db:connect', userArn);

/** Lets a service of AWS take a role. */
export const serviceTrust = (service: string): string =>
  policyDocument({ Effect: 'Allow', Principal: { Service: service }, Action: 'sts:AssumeRole' });

/** https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html */
export function irsaTrust(oidcProviderArn: string, namespace: string, serviceAccount: string): string {
  const issuer = oidcProviderArn.replace(/^.*?:oidc-provider\//, '');
  return policyDocument({
    Effect: 'Allow',
    Principal: { Federated: oidcProviderArn },
    Action: 'sts:AssumeRoleWithWebIdentity',
    Condition: {
      StringEquals: {
        [`${issuer}:aud`]: 'sts.amazonaws.com',
        [`${issuer}:sub`]: `system:serviceaccount:${namespace}:${serviceAccount}`,
      },
    },
  });
}

/** https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html */
export function podIdentityTrust(clusterArn: string, namespace: string, serviceAccount: string): string {
  return policyDocument({
    Effect: 'Allow',
    Principal: { Service: 'pods.eks.amazonaws.com' },
    Action: ['sts:AssumeRole', 'sts:TagSession'],
    Condition: {
      StringEquals: {
        'aws:RequestTag/eks-cluster-arn': clusterArn,
        'aws:RequestTag/kubernetes-namespace': namespace,
        'aws:RequestTag/kubernetes-service-account': serviceAccount,
      },
    },
  });
}

/** Refuses whatever is not encrypted on its way. */
export const tlsOnly = (bucketArn: string): Statement => ({
  Effect: 'Deny',
  Principal: '*',
  Action: 's3:*',
  Resource: [bucketArn, `${bucketArn}/*`],
  Condition: { Bool: { 'aws:SecureTransport': 'false' } },
});

/** Lets S3 deliver its access logs of one bucket: https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html */
export const logDelivery = (logBucketArn: string, sourceArn: string, accountId: string): Statement => ({
  Effect: 'Allow',
  Principal: { Service: 'logging.s3.amazonaws.com' },
  Action: 's3:PutObject',
  Resource: `${logBucketArn}/*`,
  Condition: { ArnLike: { 'aws:SourceArn': sourceArn }, StringEquals: { 'aws:SourceAccount': accountId } },
});

/** Lets CloudTrail deliver the log of one trail: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html */
export function trailDelivery(bucketArn: string, trailArn: string, accountId: string): Statement[] {
  const Principal = { Service: 'cloudtrail.amazonaws.com' };
  const ofTrail = { 'aws:SourceArn': trailArn };
  return [
    {
      Effect: 'Allow',
      Principal,
      Action: 's3:GetBucketAcl',
      Resource: bucketArn,
      Condition: { StringEquals: ofTrail },
    },
    {
      Effect: 'Allow',
      Principal,
      Action: 's3:PutObject',
      Resource: `${bucketArn}/AWSLogs/${accountId}/*`,
      Condition: { StringEquals: { ...ofTrail, 's3:x-amz-acl': 'bucket-owner-full-control' } },
    },
  ];
}

/** Reads images of a repository. */
export const imageStatement = (repositoryArn: string): Statement =>
  allow(
    ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
    repositoryArn,
  );
