// The pretended Google Cloud: what the stack uses of it. For tests.
import { GoogleAuth } from 'google-auth-library';
import type { CloudTable } from '../provider.ts';
import * as iam from './iam.ts';
import * as logs from './logs.ts';
import * as network from './network.ts';
import * as sql from './sql.ts';
import * as storage from './storage.ts';
import { inProject, numberOf, projectId, text } from './rules.ts';

const scopes = ['https://www.googleapis.com/auth/cloud-platform'];

export const table: CloudTable = {
  kinds: {
    'gcp:artifactregistry/repositoryIamMember:RepositoryIamMember': iam.repositoryMember,
    'gcp:compute/address:Address': network.address,
    'gcp:compute/globalAddress:GlobalAddress': network.globalAddress,
    'gcp:compute/managedSslCertificate:ManagedSslCertificate': network.managedCertificate,
    'gcp:compute/network:Network': network.network,
    'gcp:compute/securityPolicy:SecurityPolicy': logs.securityPolicy,
    'gcp:dns/recordSet:RecordSet': network.recordSet,
    'gcp:iap/webBackendServiceIamMember:WebBackendServiceIamMember': iam.webBackendMember,
    'gcp:iap/webIamMember:WebIamMember': iam.webMember,
    'gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember': iam.keyMember,
    'gcp:logging/projectBucketConfig:ProjectBucketConfig': logs.logBucket,
    'gcp:logging/projectSink:ProjectSink': logs.sink,
    'gcp:projects/iAMAuditConfig:IAMAuditConfig': iam.auditConfig,
    'gcp:projects/iAMMember:IAMMember': iam.projectMember,
    'gcp:projects/service:Service': iam.projectService,
    'gcp:projects/serviceIdentity:ServiceIdentity': iam.serviceIdentity,
    'gcp:secretmanager/secret:Secret': iam.secret,
    'gcp:secretmanager/secretIamMember:SecretIamMember': iam.secretMember,
    'gcp:secretmanager/secretVersion:SecretVersion': iam.secretVersion,
    'gcp:serviceaccount/account:Account': iam.account,
    'gcp:serviceaccount/iAMMember:IAMMember': iam.accountMember,
    'gcp:serviceaccount/key:Key': iam.accountKey,
    'gcp:servicenetworking/connection:Connection': network.connection,
    'gcp:sql/database:Database': sql.database,
    'gcp:sql/databaseInstance:DatabaseInstance': sql.instance,
    'gcp:sql/user:User': sql.user,
    'gcp:storage/bucket:Bucket': storage.bucket,
    'gcp:storage/bucketIAMMember:BucketIAMMember': iam.bucketMember,
  },
  functions: {
    'gcp:secretmanager/getSecretVersion:getSecretVersion': iam.getSecretVersion,
    'gcp:sql/getDatabaseInstance:getDatabaseInstance': sql.getDatabaseInstance,
    'gcp:storage/getProjectServiceAccount:getProjectServiceAccount': (args, context) => {
      const project = inProject(args, context);
      const emailAddress = `service-${numberOf(project)}@gs-project-accounts.iam.gserviceaccount.com`;
      return { id: emailAddress, emailAddress, member: `serviceAccount:${emailAddress}`, project };
    },
    'gcp:organizations/getClientConfig:getClientConfig': async (_args, { config }) => ({
      id: `projects/${text(config.project)}`,
      project: text(config.project),
      accessToken: await new GoogleAuth({ scopes }).getAccessToken(),
    }),
    'gcp:organizations/getProject:getProject': ({ projectId: given }, { config }) => {
      const id = text(given) || text(config.project);
      return { id: `projects/${id}`, projectId: id, name: id, number: numberOf(id), labels: {} };
    },
  },
  checkConfig: ({ project }) => {
    const problem = typeof project === 'string' ? projectId(project) : undefined;
    return problem === undefined ? [] : [{ property: 'project', reason: problem }];
  },
};
