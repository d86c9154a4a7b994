import { expect } from 'chai';
import { parseSettings } from '../../config.ts';
import { storeChanges, storeRecord } from '../../lib/store-record.ts';
import { refusal } from '../support/settings.ts';

const aws = {
  region: 'eu-west-1',
  accountId: '123456789012',
  clusterName: 'mlflow',
  subnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
};
const least = { cloud: 'aws', kubernetes: { context: 'eks' }, aws };
const alb = {
  enabled: true,
  className: 'alb',
  hosts: ['mlflow.example.com'],
  certificate: { acmArn: 'arn:aws:acm:eu-west-1:123456789012:certificate/1' },
};
const reachable = { auth: { kind: 'basic' }, networkPolicy: { clients: [{ cidr: '10.0.0.0/16' }] } };
const cognito = {
  userPoolArn: 'arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_A',
  userPoolClientId: 'abc',
  userPoolDomain: 'team',
};

describe('settings of AWS', () => {
  it('are few', () => expect(parseSettings(least).dataProtection).to.equal('retain'));

  for (const [settings, ...sentences] of [
    [{ aws: { ...aws, region: 'Ireland' } }, 'aws.region is "Ireland"; allowed: a region such as eu-west-1'],
    [
      { backendStore: { instanceClass: 'large' } },
      'backendStore.instanceClass is "large"; allowed: a class of instances such as db.t4g.medium or db.m7g.large',
    ],
    [
      { backendStore: { version: '9' } },
      'backendStore.version is "9"; allowed: a major version of PostgreSQL from 15 to 18',
    ],
    [
      { artifactStore: { bucketName: 'My_Files' } },
      'artifactStore.bucketName is "My_Files"; allowed: the name of a bucket: 3 to 63 lower-case letters, digits and hyphens',
    ],
    [
      {
        aws: {
          ...aws,
          subnetIds: ['private-a', ...aws.subnetIds],
          databaseClientGroups: ['default'],
          oidcProviderArn: 'https://oidc.eks',
        },
      },
      'aws.subnetIds[0] is "private-a"; allowed: the id of a subnet such as subnet-0123456789abcdef0',
      'aws.databaseClientGroups[0] is "default"; allowed: the id of a security group such as sg-0123456789abcdef0',
      'aws.oidcProviderArn is "https://oidc.eks"; allowed: the ARN of an OIDC provider such as arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE',
    ],
    [
      {
        ...reachable,
        ingress: { ...alb, certificate: { acmArn: 'arn:aws:acm:us-east-1:123456789012:certificate/1' } },
      },
      'ingress.certificate.acmArn is of region us-east-1, but aws.region is eu-west-1; name one of this region',
    ],
    [{ aws: { ...aws, accountId: '1234' } }, 'aws.accountId is "1234"; allowed: the 12 digits of an account'],
    [
      { aws: { ...aws, subnetIds: ['subnet-0123456789abcdef0'] } },
      'aws.subnetIds names one subnet, but a database needs private subnets in at least two zones; name two or more, such as subnet-0123456789abcdef0',
    ],
    [
      { aws: { ...aws, subnetIds: [...aws.subnetIds, aws.subnetIds[0]] } },
      'aws.subnetIds names subnet-0123456789abcdef0 more than once; name each once',
    ],
    [
      { aws: { ...aws, clusterName: undefined } },
      'aws.clusterName, aws.databaseClientGroups and aws.databaseClientCidrs are missing, so that nobody would reach the database; name the EKS cluster',
      'aws.clusterName and aws.oidcProviderArn are missing, so that IAM cannot trust the pods; name the EKS cluster',
    ],
    [
      { aws: { ...aws, databaseClientCidrs: ['0.0.0.0/0'] } },
      'aws.databaseClientCidrs has a range of all addresses; name those of the cluster, such as 10.0.0.0/16',
    ],
    [
      { artifactStore: { kmsKeyArn: 'arn:aws:kms:us-east-1:123456789012:key/1' } },
      'artifactStore.kmsKeyArn is of region us-east-1, but aws.region is eu-west-1; name one of this region',
    ],
    [
      { aws: { ...aws, oidcProviderArn: 'arn:aws:iam::210987654321:oidc-provider/id.example/x' } },
      'aws.oidcProviderArn is of account 210987654321, but aws.accountId is 123456789012; name one of this account',
    ],
    [
      { artifactStore: { existingBucket: 'old-files', accessLogging: true } },
      'artifactStore.accessLogging is for a bucket that the stack makes, but artifactStore.existingBucket names one; remove one of them',
    ],
    [
      { artifactStore: { transition: { days: 10, storageClass: 'STANDARD_IA' } } },
      'artifactStore.transition.days is 10, but S3 moves files to STANDARD_IA after 30 days at the earliest; raise it',
    ],
    [
      { artifactStore: { transition: { days: 90, storageClass: 'GLACIER' } } },
      'artifactStore.transition.storageClass is GLACIER, from which files cannot be read at once; use GLACIER_IR',
    ],
    [
      { backendStore: { sslMode: 'prefer' } },
      'backendStore.sslMode is prefer, but RDS is reached over TLS alone; use verify-full or require',
    ],
    [
      { backendStore: { backups: { pointInTimeRecovery: false } } },
      'backendStore.backups.pointInTimeRecovery is false, but RDS has it with its backups; remove it',
    ],
    [
      { backendStore: { database: 'my-flow' } },
      'backendStore.database is my-flow, but RDS makes databases of letters, digits and underscores alone; rename it',
    ],
    [
      { backendStore: { existingInstance: 'project:region:instance' } },
      'backendStore.existingInstance is project:region:instance; allowed: the identifier of an RDS instance, such as mlflow-prod-1a2b3c4d',
    ],
    [
      { backendStore: { existingInstance: 'old', password: 'correct horse' } },
      'backendStore.password is not acceptable; allowed: at least 16 characters (the value is not shown); leave it out to have one generated',
    ],
    [
      { backendStore: { password: 'with blanks in between' } },
      'backendStore.password has more than 128 characters or one that RDS refuses (/, @, " and blanks); leave it out to have one generated',
    ],
    [
      { backendStore: { existingInstance: 'old' }, secrets: { rotation: { database: 1 } } },
      'secrets.rotation.database is for a database that the stack makes, but backendStore.existingInstance names one; change its password yourself and set mlflow-stack:backendStore.password',
    ],
    [
      { identity: { kind: 'keys' }, backendStore: { auth: 'iam' } },
      'artifactStore.bucketName is missing; identity.kind keys reads a Secret that names the bucket, so the name must be known',
      'backendStore.auth is iam, but identity.kind is keys, by which pods log in to no database; use workload or podIdentity',
    ],
    [
      { ...reachable, ingress: { ...alb, staticIp: true } },
      'ingress.staticIp is true, but a load balancer of class alb has no address of its own; use ingress.dns.zone, which follows its name, or server.service.staticIp for a network load balancer, or put AWS Global Accelerator before it',
    ],
    [
      { clientIdentity: { enabled: true, serviceAccount: 'mlflow-gc' } },
      "clientIdentity.serviceAccount is mlflow-gc, which the stack's own pods have; choose another, such as mlflow-client",
    ],
    [
      { server: { service: { staticIp: true } } },
      'server.service.staticIp is for type LoadBalancer, but type is ClusterIP; remove it or change the type',
      'aws.entrySubnetIds is missing, from which server.service.staticIp takes its addresses; name public subnets, one per zone, such as subnet-0123456789abcdef0',
    ],
    [
      {
        ...reachable,
        aws: { ...aws, entrySubnetIds: aws.subnetIds },
        server: {
          service: {
            type: 'LoadBalancer',
            staticIp: true,
            dns: { zone: 'Z0123456789' },
            annotations: { 'service.beta.kubernetes.io/aws-load-balancer-scheme': 'internal' },
          },
        },
      },
      'server.service.staticIp reserves public addresses, but server.service.annotations make the load balancer internal; remove one of them',
      'server.service.annotations has service.beta.kubernetes.io/aws-load-balancer-scheme, which server.service.staticIp sets itself; remove one of them',
      'server.service.hosts is empty, so server.service.dns.zone has no name to make a record for; name one, such as mlflow.example.com',
    ],
    [
      {
        ...reachable,
        server: { service: { type: 'LoadBalancer', hosts: ['a.example'], dns: { zone: 'Z0123456789' } } },
      },
      'server.service.dns.zone is given, but server.service.staticIp is not, so no address is known for its records; set server.service.staticIp to true',
    ],
    [
      { ...reachable, ingress: { ...alb, certificate: { acm: true } } },
      'ingress.dns.zone is missing; ingress.certificate.acm proves there that the hosts are yours',
    ],
    [
      { ...reachable, ingress: { ...alb, dns: { zone: 'example-com' } } },
      'ingress.dns.zone is example-com; allowed: the id of a hosted zone of Route 53, such as Z0123456789ABCDEFGHIJ',
    ],
    [
      {
        ...reachable,
        ingress: { ...alb, className: 'nginx', certificate: { clusterIssuer: 'public' } },
        auth: { kind: 'edge', edge: { cognito } },
      },
      'auth.edge.cognito is a log-in of a load balancer that serves HTTPS; set mlflow-stack:ingress with className alb and a certificate',
    ],
    [
      { ...reachable, ingress: { ...alb, className: 'nginx' } },
      'ingress.certificate.acmArn is for controllers of its cloud (alb), but the controller is nginx; use another certificate',
    ],
  ] as [object, ...string[]][]) {
    it(`are refused: ${sentences.join(' ')}`, () => {
      const found = refusal({ ...least, ...settings })
        .split('\n')
        .slice(1);
      expect(found.map((text) => text.trim().replace('mlflow-stack:', ''))).to.have.members(sentences);
    });
  }
});

describe('what the stores of a cloud were made with', () => {
  const before = storeRecord(parseSettings(least));
  const changes = (settings: object, record = before) =>
    storeChanges(record, parseSettings({ ...least, ...settings }));

  it('may stay, and what grows may grow', () => {
    expect(changes({})).to.deep.equal([]);
    expect(
      changes({ backendStore: { size: '40Gi', version: '18', instanceClass: 'db.r7g.large' } }),
    ).to.deep.equal([]);
  });

  for (const [settings, sentence] of [
    [
      { artifactStore: { bucketName: 'other' } },
      /artifactStore\.bucketName is other, .* remove it, or move the data/,
    ],
    [{ aws: { ...aws, region: 'eu-central-1' } }, /aws\.region is eu-central-1, .* set it to eu-west-1/],
    [{ backendStore: { database: 'other' } }, /backendStore\.database is other, .* set it to mlflow/],
    [{ backendStore: { version: '16' } }, /has 17, and cannot go back; set it to 17/],
    [{ backendStore: { size: '5Gi' } }, /has 10Gi, and cannot shrink/],
  ] as const) {
    it(`is not lost by ${JSON.stringify(settings)}`, () => {
      expect(changes(settings)).to.have.lengthOf(1);
      expect(changes(settings)[0]).to.match(sentence);
    });
  }

  it('is not deleted by another kind of store, unless it stays where it is', () => {
    const settings = { artifactStore: { kind: 'external', uri: 's3://elsewhere/x' } };
    expect(changes(settings)).to.deep.equal([]);
    expect(changes(settings, { ...before, dataProtection: 'delete' })[0]).to.match(
      /would be deleted; put it back/,
    );
  });
});
