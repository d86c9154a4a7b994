// Each rule on resources that break it and on resources that keep it.
import { expect } from 'chai';
import type { Props, Resource } from '../../policy/resource.ts';
import { findings, rules } from '../../policy/rules/index.ts';
import { isPinned } from '../../policy/rules/pods.ts';

const unknown = '04da6b54-80e4-46f7-96ec-b56ff0331ba9';

const resource = (type: string, props: Props, more: Partial<Resource> = {}): Resource => ({
  type,
  name: 'one',
  project: 'mlflow-stack',
  stack: 'prod',
  props,
  protect: false,
  ...more,
});

const aws = (token: string, props: Props, more?: Partial<Resource>) => resource(`aws:${token}`, props, more);
const gcp = (token: string, props: Props, more?: Partial<Resource>) => resource(`gcp:${token}`, props, more);
const bucket = (props: Props = { bucket: 'b-1' }) => aws('s3/bucket:Bucket', props);
const block = (props: Props = {}) =>
  aws('s3/bucketPublicAccessBlock:BucketPublicAccessBlock', {
    bucket: 'b-1',
    blockPublicAcls: true,
    blockPublicPolicy: true,
    ignorePublicAcls: true,
    restrictPublicBuckets: true,
    ...props,
  });
const policy = (...statements: object[]): string =>
  JSON.stringify({ Version: '2012-10-17', Statement: statements });
const rights = (statement: object) =>
  aws('iam/rolePolicy:RolePolicy', {
    policy: policy({ Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::b-1/*', ...statement }),
  });
const bucketPolicy = (statement: object) =>
  aws('s3/bucketPolicy:BucketPolicy', {
    policy: policy({ Action: 's3:GetObject', Resource: '*', ...statement }),
  });
const gcsBucket = (props: Props = {}) =>
  gcp('storage/bucket:Bucket', {
    name: 'b-1',
    publicAccessPrevention: 'enforced',
    uniformBucketLevelAccess: true,
    ...props,
  });
const rds = (props: Props = {}) =>
  aws('rds/instance:Instance', {
    identifier: 'db',
    storageEncrypted: true,
    deletionProtection: true,
    publiclyAccessible: false,
    ...props,
  });
const cloudSql = ({ ip = {}, settings = {}, ...props }: { ip?: object; settings?: object } & Props = {}) =>
  gcp('sql/databaseInstance:DatabaseInstance', {
    settings: {
      deletionProtectionEnabled: true,
      ipConfiguration: { ipv4Enabled: false, sslMode: 'ENCRYPTED_ONLY', ...ip },
      ...settings,
    },
    deletionProtection: true,
    ...props,
  });
const ingressOf = (rule: object) => aws('ec2/securityGroup:SecurityGroup', { ingress: [rule] });
const firewall = (props: Props) =>
  gcp('compute/firewall:Firewall', {
    sourceRanges: ['0.0.0.0/0'],
    allows: [{ protocol: 'tcp', ports: ['443'] }],
    ...props,
  });

const fine = {
  securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
  automountServiceAccountToken: false,
};
const good = {
  name: 'main',
  image: 'mlflow:v3.17.2',
  resources: { requests: { cpu: '1', memory: '1Gi' }, limits: { memory: '1Gi' } },
  securityContext: {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  },
};
const workload = (container: object = {}, pod: object = {}) =>
  resource('kubernetes:apps/v1:Deployment', {
    metadata: { name: 'one', labels: recommended },
    spec: { template: { spec: { ...fine, containers: [{ ...good, ...container }], ...pod } } },
  });
const cronJob = (container: object) =>
  resource('kubernetes:batch/v1:CronJob', {
    spec: {
      jobTemplate: { spec: { template: { spec: { ...fine, containers: [{ ...good, ...container }] } } } },
    },
  });
const recommended = Object.fromEntries(
  ['name', 'instance', 'component', 'part-of', 'managed-by'].map((key) => [`app.kubernetes.io/${key}`, 'x']),
);
const env = (name: string, value: unknown) => ({ env: [{ name, value }] });
const fromSecret = (name: string) => ({
  env: [{ name, valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }],
});
const configMap = (data: Props) => resource('kubernetes:core/v1:ConfigMap', { data });
const claim = (annotations: object, more?: Partial<Resource>) =>
  resource('kubernetes:core/v1:PersistentVolumeClaim', { metadata: { annotations } }, more);
const service = (type: unknown, port: number) =>
  resource('kubernetes:core/v1:Service', { spec: { type, ports: [{ port }] } });
const role = (rule: object) =>
  resource('kubernetes:rbac.authorization.k8s.io/v1:Role', {
    rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'], ...rule }],
  });
const binding = (name: string) =>
  resource('kubernetes:rbac.authorization.k8s.io/v1:RoleBinding', {
    subjects: [{ kind: 'ServiceAccount', name }],
  });
const withToken = workload({}, { automountServiceAccountToken: true, serviceAccountName: 'robot' });
const named = (type: string, props: Props, name = 'one') => resource(type, props, { name });

/** Stacks that break a rule, by what is said of them, and stacks that keep it. */
const cases: Record<string, { broken: [Resource[], RegExp][]; kept: Resource[][] }> = {
  'no-public-buckets': {
    broken: [
      [[bucket()], /has no BucketPublicAccessBlock/],
      [[bucket(), block({ bucket: 'another' })], /has no BucketPublicAccessBlock/],
      [[bucket(), block({ blockPublicAcls: false })], /blockPublicAcls is not true/],
      [[bucket(), block({ restrictPublicBuckets: undefined })], /restrictPublicBuckets is not true/],
      [[aws('s3/bucketAcl:BucketAcl', { acl: 'public-read' })], /acl is public-read/],
      [[bucketPolicy({ Effect: 'Allow', Principal: '*' })], /lets everybody in/],
      [[bucketPolicy({ Effect: 'Allow', Principal: { AWS: ['*'] } })], /lets everybody in/],
      [[gcsBucket({ publicAccessPrevention: 'inherited' })], /publicAccessPrevention is not enforced/],
      [[gcsBucket({ uniformBucketLevelAccess: undefined })], /uniformBucketLevelAccess is not true/],
    ],
    kept: [
      [bucket(), block()],
      [bucket({ bucket: unknown }), block({ bucket: unknown })],
      [bucket({}), block({ bucket: 'made-up-by-pulumi' })],
      [bucketPolicy({ Effect: 'Deny', Principal: '*' })],
      [gcsBucket()],
    ],
  },
  'no-open-databases': {
    broken: [
      [[rds({ publiclyAccessible: true })], /publiclyAccessible is true/],
      [[cloudSql({ ip: { ipv4Enabled: true } })], /ipv4Enabled is not false/],
      [[cloudSql({ ip: { ipv4Enabled: undefined } })], /ipv4Enabled is not false/],
      [[cloudSql({ ip: { authorizedNetworks: [{ value: '0.0.0.0/0' }] } })], /lets in every address/],
      [
        [ingressOf({ protocol: 'tcp', fromPort: 5432, toPort: 5432, cidrBlocks: ['0.0.0.0/0'] })],
        /to every address/,
      ],
      [[ingressOf({ protocol: '-1', fromPort: 0, toPort: 0, ipv6CidrBlocks: ['::/0'] })], /to every address/],
      [
        [
          aws('ec2/securityGroupRule:SecurityGroupRule', {
            type: 'ingress',
            protocol: 'tcp',
            fromPort: 0,
            toPort: 65535,
            cidrBlocks: ['0.0.0.0/0'],
          }),
        ],
        /to every address/,
      ],
      [
        [
          aws('vpc/securityGroupIngressRule:SecurityGroupIngressRule', {
            ipProtocol: 'tcp',
            fromPort: 3306,
            toPort: 3306,
            cidrIpv4: '0.0.0.0/0',
          }),
        ],
        /to every address/,
      ],
      [[firewall({ allows: [{ protocol: 'tcp', ports: ['5000-6000'] }] })], /to every address/],
      [[firewall({ allows: [{ protocol: 'all' }] })], /to every address/],
      [[service('LoadBalancer', 5432)], /use type ClusterIP/],
      [[service('NodePort', 1433)], /use type ClusterIP/],
    ],
    kept: [
      [rds(), cloudSql()],
      [ingressOf({ protocol: 'tcp', fromPort: 5432, toPort: 5432, cidrBlocks: ['10.0.0.0/8'] })],
      [ingressOf({ protocol: 'tcp', fromPort: 443, toPort: 443, cidrBlocks: ['0.0.0.0/0'] })],
      [ingressOf({ protocol: 'tcp', fromPort: 5432, toPort: 5432, cidrBlocks: unknown })],
      [
        aws('ec2/securityGroupRule:SecurityGroupRule', {
          type: 'egress',
          protocol: '-1',
          fromPort: 0,
          toPort: 0,
          cidrBlocks: ['0.0.0.0/0'],
        }),
      ],
      [firewall({}), firewall({ direction: 'EGRESS', allows: [{ protocol: 'all' }] })],
      [service('ClusterIP', 5432), service('LoadBalancer', 5000)],
    ],
  },
  'encrypted-databases': {
    broken: [
      [[rds({ storageEncrypted: undefined })], /storageEncrypted is not true/],
      [[cloudSql({ ip: { sslMode: 'ALLOW_UNENCRYPTED_AND_ENCRYPTED' } })], /sslMode is not ENCRYPTED_ONLY/],
      [[cloudSql({ ip: { sslMode: undefined } })], /sslMode is not ENCRYPTED_ONLY/],
    ],
    kept: [[rds()], [rds({ storageEncrypted: unknown })], [cloudSql()], [aws('ec2/instance:Instance', {})]],
  },
  'protected-data': {
    broken: [
      [[rds({ deletionProtection: false })], /deletionProtection is not true/],
      [[cloudSql({ deletionProtection: false })], /deletionProtection is not true/],
      [
        [cloudSql({ settings: { deletionProtectionEnabled: false } })],
        /deletionProtectionEnabled is not true/,
      ],
      [[bucket({ bucket: 'b-1', forceDestroy: true })], /forceDestroy is true/],
      [[gcsBucket({ forceDestroy: true })], /forceDestroy is true/],
      [[claim({})], /set dataProtection to retain or protect/],
      [[claim({ 'mlflow-stack/data-protection': 'delete' })], /set dataProtection to retain or protect/],
    ],
    kept: [
      [rds(), cloudSql(), bucket(), gcsBucket()],
      [claim({ 'mlflow-stack/data-protection': 'retain' }), claim({}, { protect: true })],
    ],
  },
  'no-wildcard-rights': {
    broken: [
      [[rights({ Action: '*' })], /allows every action/],
      [[rights({ Action: ['s3:GetObject', 's3:*'] })], /allows every action/],
      [[rights({ Action: undefined, NotAction: 'iam:*' })], /allows every action/],
      [[rights({ Resource: '*' })], /every resource/],
      [
        [
          aws('iam/policy:Policy', {
            policy: { Statement: { Effect: 'Allow', Action: 's3:Get*', Resource: ['*'] } },
          }),
        ],
        /every resource/,
      ],
      [
        [
          aws('iam/role:Role', {
            inlinePolicies: [{ policy: policy({ Effect: 'Allow', Action: '*', Resource: 'x' }) }],
          }),
        ],
        /allows every action/,
      ],
      [
        [
          aws('iam/role:Role', {
            assumeRolePolicy: policy({ Effect: 'Allow', Action: 'sts:AssumeRole', Principal: '*' }),
          }),
        ],
        /allows everybody/,
      ],
      [
        [
          aws('iam/rolePolicyAttachment:RolePolicyAttachment', {
            policyArn: 'arn:aws:iam::aws:policy/AmazonS3FullAccess',
          }),
        ],
        /attaches .*FullAccess/,
      ],
      [[gcp('projects/iAMMember:IAMMember', { role: 'roles/editor', member: 'user:a@b' })], /roles\/editor/],
      [
        [
          gcp('storage/bucketIAMMember:BucketIAMMember', {
            role: 'roles/storage.objectViewer',
            member: 'allUsers',
          }),
        ],
        /allUsers/,
      ],
      [
        [gcp('projects/iAMBinding:IAMBinding', { role: 'roles/x', members: ['allAuthenticatedUsers'] })],
        /allAuthenticatedUsers/,
      ],
      [[role({ verbs: ['*'] })], /verbs "\*"/],
      [[role({ apiGroups: ['*'], resources: ['*'] })], /apiGroups "\*"/],
    ],
    kept: [
      [rights({})],
      [rights({ Effect: 'Deny', Action: '*', Resource: '*' })],
      [aws('iam/rolePolicy:RolePolicy', { policy: unknown })],
      [
        aws('kms/key:Key', {
          policy: policy({
            Effect: 'Allow',
            Action: 'kms:*',
            Resource: '*',
            Principal: { AWS: 'arn:aws:iam::1:root' },
          }),
        }),
      ],
      [
        aws('iam/role:Role', {
          assumeRolePolicy: policy({
            Effect: 'Allow',
            Action: 'sts:AssumeRole',
            Principal: { Service: 'pods.eks.amazonaws.com' },
          }),
        }),
      ],
      [gcp('storage/bucketIAMMember:BucketIAMMember', { role: 'roles/storage.objectUser', member: unknown })],
      [role({})],
    ],
  },
  'no-static-keys': {
    broken: [
      [[aws('iam/accessKey:AccessKey', { user: 'u' })], /does not expire/],
      [[gcp('serviceaccount/key:Key', {})], /does not expire/],
      [[gcp('storage/hmacKey:HmacKey', {})], /does not expire/],
      [[bucket(), block(), workload(fromSecret('AWS_SECRET_ACCESS_KEY'))], /is given AWS_SECRET_ACCESS_KEY/],
      [
        [gcsBucket(), cronJob(env('GOOGLE_APPLICATION_CREDENTIALS', '/key.json'))],
        /is given GOOGLE_APPLICATION_CREDENTIALS/,
      ],
    ],
    kept: [
      [workload(fromSecret('AWS_SECRET_ACCESS_KEY'))],
      [
        gcsBucket(),
        configMap({ MLFLOW_S3_ENDPOINT_URL: 'http://s3' }),
        workload(fromSecret('AWS_SECRET_ACCESS_KEY')),
      ],
      [gcp('kms/key:Key', {})],
    ],
  },
  'no-plain-secrets': {
    broken: [
      [[workload(env('PGPASSWORD', 'hunter2'))], /variable PGPASSWORD/],
      [[cronJob(env('DATABASE_URL', 'postgresql://me:hunter2@db/mlflow'))], /variable DATABASE_URL/],
      [
        [workload({ args: ['--backend-store-uri=postgresql://me:hunter2@db/mlflow'] })],
        /among its arguments/,
      ],
      [[configMap({ MLFLOW_TRACKING_TOKEN: 'abc' })], /key MLFLOW_TRACKING_TOKEN/],
    ],
    kept: [
      [workload(fromSecret('PGPASSWORD'))],
      [workload(env('PGPASSWORD', unknown))],
      [workload(env('POSTGRES_PASSWORD_FILE', '/run/secrets/password'))],
      [workload(env('DATABASE_URL', 'postgresql://me:$(PGPASSWORD)@db/mlflow'))],
      [workload(env('MLFLOW_TRACKING_URI', 'http://mlflow.team.svc:5000/path@2'))],
    ],
  },
  'restricted-pods': {
    broken: [
      [[workload({}, { hostNetwork: true })], /shares a namespace/],
      [[workload({ securityContext: {} })], /may gain privileges/],
      [[workload({}, { securityContext: {} })], /may run as root/],
      [[workload({}, { volumes: [{ name: 'v', hostPath: { path: '/' } }] })], /forbidden type/],
    ],
    kept: [[workload()], [cronJob({})], [withToken]],
  },
  'no-idle-token': {
    broken: [
      [[withToken], /has no use for/],
      [[withToken, binding('another')], /has no use for/],
    ],
    kept: [[withToken, binding('robot')], [withToken, binding(unknown)], [workload()]],
  },
  requests: {
    broken: [
      [[workload({ resources: undefined })], /requests\.cpu, requests\.memory, limits\.memory/],
      [
        [cronJob({ resources: { requests: { cpu: '1', memory: '1Gi' } } })],
        /lacks resources: limits\.memory/,
      ],
      [[workload({}, { initContainers: [{ ...good, name: 'init', resources: {} }] })], /container init/],
    ],
    kept: [[workload()], [cronJob({})]],
  },
  'pinned-images': {
    broken: [
      [[workload({ image: 'mlflow' })], /runs mlflow; name a version/],
      [[workload({ image: 'registry:5000/mlflow' })], /runs registry:5000\/mlflow/],
      [[workload({ image: 'mlflow:latest' })], /runs mlflow:latest/],
    ],
    kept: [[workload()], [workload({ image: unknown })]],
  },
  'name-limits': {
    broken: [
      [[bucket({ bucket: 'Upper' }), block()], /not allowed there/],
      [[named('aws:iam/role:Role', {}, 'r'.repeat(60))], /69 characters; 1 to 64/],
      [[rds({ identifier: 'd'.repeat(64) })], /64 characters; 1 to 63/],
      [[rds({ identifier: 'a--b' })], /not allowed there/],
      [[gcp('serviceaccount/account:Account', { accountId: 'short' })], /5 characters; 6 to 30/],
      [[gcp('serviceaccount/account:Account', { accountId: 'a'.repeat(31) })], /31 characters; 6 to 30/],
      [[gcsBucket({ name: 'b'.repeat(64) })], /64 characters; 3 to 63/],
      [[cloudSql({ name: 'd'.repeat(68) })], /68 characters; 1 to 67/],
      [[named('kubernetes:core/v1:Service', { metadata: {} }, 's'.repeat(55))], /64 characters; 1 to 63/],
      [
        [named('kubernetes:batch/v1:CronJob', { metadata: { name: 'c'.repeat(53) } })],
        /53 characters; 1 to 52/,
      ],
    ],
    kept: [
      [
        gcp('serviceaccount/account:Account', { accountId: 'mlflow-prod' }),
        gcsBucket(),
        cloudSql({ name: unknown }),
      ],
      [named('kubernetes:rbac.authorization.k8s.io/v1:ClusterRole', { metadata: { name: 'a:b' } })],
    ],
  },
  tagged: {
    broken: [
      [
        [bucket({ bucket: 'b-1', tags: { project: 'mlflow-stack' } }), block()],
        /tags does not have the value prod/,
      ],
      [[gcsBucket({ labels: { stack: 'prod' } })], /labels does not have the value mlflow-stack/],
      [[cloudSql()], /settings\.userLabels does not have the value prod/],
    ],
    kept: [
      [rds({ tags: { project: 'mlflow-stack', stack: 'prod' } })],
      [aws('iam/role:Role', {}, { provider: { defaultTags: '{"tags":{"a":"mlflow-stack","b":"prod"}}' } })],
      [gcsBucket({ labels: { project: 'mlflow-stack', stack: 'prod' } })],
      [
        gcp(
          'storage/bucket:Bucket',
          { labels: { stack: 'prod' } },
          { provider: { defaultLabels: { a: 'mlflow-stack' } } },
        ),
      ],
      [block()],
    ],
  },
  labelled: {
    broken: [
      [
        [resource('kubernetes:core/v1:Secret', { metadata: { labels: { 'app.kubernetes.io/name': 'x' } } })],
        /instance, app/,
      ],
    ],
    kept: [
      [resource('kubernetes:core/v1:Secret', { metadata: { labels: recommended } })],
      [resource('kubernetes:index:X', {})],
    ],
  },
};

describe('policy rules', () => {
  for (const rule of rules) {
    const { broken = [], kept = [] } = cases[rule.name] ?? {};
    describe(rule.name, () => {
      for (const [resources, text] of broken) {
        it(`finds that something ${text.source}`, () => {
          expect(findings(resources, [rule]).join('\n')).to.match(text);
        });
      }
      it('finds nothing where all is well', () => {
        for (const resources of kept) expect(findings(resources, [rule])).to.deep.equal([]);
        expect([broken.length, kept.length]).not.to.include(0);
      });
    });
  }

  it('say what, where and by which rule', () => {
    expect(findings([gcsBucket({ uniformBucketLevelAccess: false })])[0]).to.equal(
      'gcp:storage/bucket:Bucket one: uniformBucketLevelAccess is not true (no-public-buckets)',
    );
  });

  it('judge nothing that is not known yet', () => {
    const everything = Object.values(cases).flatMap(({ broken }) =>
      broken.flatMap(([resources]) => resources),
    );
    for (const { type, props } of everything) {
      const guessed = Object.fromEntries(Object.keys(props).map((key) => [key, unknown]));
      const found = findings([resource(type, guessed)]).filter(
        (text) => !/has no BucketPublicAccessBlock|does not have the value/.test(text),
      );
      // A key is a key, whatever it is for.
      if (!/[kK]ey$/.test(type)) expect(found, type).to.deep.equal([]);
    }
  });

  it('take a digest, or a tag that is a version', () => {
    const digest = `mlflow@sha256:${'0'.repeat(64)}`;
    for (const image of [digest, 'ghcr.io/mlflow/mlflow:v3', 'registry:5000/a/b:1.2'])
      expect(isPinned(image), image).to.equal(true);
    for (const image of ['a', 'a:latest', 'registry:5000/a', 'a@sha256:12'])
      expect(isPinned(image), image).to.equal(false);
  });
});
