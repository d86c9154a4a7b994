// The policy pack as Pulumi runs it: the SDK's own entry point in a process of its own, asked over gRPC as the engine asks.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import proto from '@pulumi/pulumi/proto/analyzer_pb.js';
import rpc from '@pulumi/pulumi/proto/analyzer_grpc_pb.js';
import { expect } from 'chai';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';
import struct, { type JavaScriptValue } from 'google-protobuf/google/protobuf/struct_pb.js';
import { rules } from '../../policy/rules/index.ts';

const project = join(import.meta.dirname, '../..');
const urn = (type: string, name: string) => `urn:pulumi:prod::mlflow-stack::${type}::${name}`;
type Properties = Record<string, JavaScriptValue>;

const unknown = '04da6b54-80e4-46f7-96ec-b56ff0331ba9';
const secret = (value: string) => ({
  '4dabf18193072939515e22adb298388d': '1b47061264138c4ac30d75fd1eb44270',
  value,
});

describe('policy pack', () => {
  let pack: ChildProcess;
  let client: InstanceType<typeof rpc.AnalyzerClient>;

  before(async () => {
    // What the language host of Pulumi starts: engine's address and folder of the pack, in that folder.
    const entry = join(project, 'node_modules/@pulumi/pulumi/cmd/run-policy-pack');
    pack = spawn(process.execPath, [entry, '127.0.0.1:1', '.'], { cwd: join(project, 'policy') });
    const { stdout, stderr } = pack;
    if (stdout === null || stderr === null) throw new Error('no output');
    const complaint = stderr.toArray();
    for await (const port of createInterface(stdout)) {
      client = new rpc.AnalyzerClient(`127.0.0.1:${port}`, credentials.createInsecure());
      return;
    }
    throw new Error(`the pack did not start: ${(await complaint).join('')}`);
  });

  after(() => {
    client.close();
    pack.kill();
  });

  /** What is said of a resource, each with the level at which it is enforced. */
  async function analyze(type: string, properties: Properties): Promise<string[]> {
    const request = new proto.AnalyzeRequest()
      .setType(type)
      .setUrn(urn(type, 'one'))
      .setName('one')
      .setOptions(new proto.AnalyzerResourceOptions())
      .setProperties(struct.Struct.fromJavaScript(properties));
    return await new Promise((resolve, reject) => {
      client.analyze(request, (error, response) => (error ? reject(error) : resolve(diagnostics(response))));
    });
  }

  const diagnostics = (response: InstanceType<typeof proto.AnalyzeResponse>): string[] =>
    response
      .getDiagnosticsList()
      .map((one) => `${levels[one.getEnforcementlevel()]} ${one.getPolicyname()}: ${one.getMessage()}`);
  const levels = ['advisory', 'mandatory', 'disabled', 'remediate'];

  const bucket: Properties = {
    location: 'EU',
    publicAccessPrevention: 'enforced',
    uniformBucketLevelAccess: true,
    labels: { project: 'mlflow-stack', stack: 'prod' },
  };

  it('knows every rule, and refuses what breaks one', async () => {
    const info = await new Promise<InstanceType<typeof proto.AnalyzerInfo>>((resolve, reject) => {
      client.getAnalyzerInfo(new empty.Empty(), (error, answer) => (error ? reject(error) : resolve(answer)));
    });
    expect(info.getName()).to.equal('mlflow-stack');
    const known = info.getPoliciesList().map((each) => each.getName());
    expect(known).to.include.members(rules.map(({ name }) => name));
    expect(new Set(known).size, 'a name each').to.equal(known.length);
  });

  it('says what is wrong before a resource is made', async () => {
    const type = 'gcp:storage/bucket:Bucket';
    const found = await analyze(type, { ...bucket, publicAccessPrevention: 'inherited' });
    expect(found).to.have.lengthOf(1);
    expect(found[0]).to.match(/^mandatory no-public-buckets: .*publicAccessPrevention is not enforced/s);
    expect(await analyze(type, bucket)).to.deep.equal([]);
  });

  it('advises where nothing is at risk', async () => {
    const found = await analyze('gcp:storage/bucket:Bucket', { ...bucket, labels: {} });
    expect(found).to.have.lengthOf(2);
    for (const text of found) expect(text).to.match(/^advisory tagged: /);
  });

  it('waits for values that a preview does not know, and looks at the others', async () => {
    const type = 'aws:rds/instance:Instance';
    const tags = { project: 'mlflow-stack', stack: 'prod' };
    const properties = { identifier: unknown, storageEncrypted: unknown, deletionProtection: true, tags };
    expect(await analyze(type, properties)).to.deep.equal([]);
    const found = await analyze(type, { ...properties, publiclyAccessible: true });
    expect(found.join('\n')).to.match(/^mandatory no-open-databases: .*publiclyAccessible is true$/s);
  });

  it('looks into secrets, too', async () => {
    const found = await analyze('kubernetes:core/v1:ConfigMap', {
      metadata: { name: 'one' },
      data: { MLFLOW_TRACKING_TOKEN: secret('abc') },
    });
    expect(found.join('\n')).to.match(/mandatory no-plain-secrets: .*key MLFLOW_TRACKING_TOKEN/s);
  });

  it('judges a stack as a whole', async () => {
    const resource = (type: string, properties: Properties) =>
      new proto.AnalyzerResource()
        .setType(type)
        .setUrn(urn(type, 'one'))
        .setName('one')
        .setOptions(new proto.AnalyzerResourceOptions())
        .setProperties(struct.Struct.fromJavaScript(properties));
    const stack = async (...resources: ReturnType<typeof resource>[]) =>
      await new Promise<string[]>((resolve, reject) => {
        client.analyzeStack(new proto.AnalyzeStackRequest().setResourcesList(resources), (error, response) =>
          error ? reject(error) : resolve(diagnostics(response)),
        );
      });
    const open = resource('aws:s3/bucket:Bucket', { bucket: 'b-1' });
    const block = resource('aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock', { bucket: 'b-1' });
    expect((await stack(open)).join('\n')).to.match(/mandatory no-public-buckets-in-stack: .*has no/s);
    expect(await stack(open, block)).to.deep.equal([]);
  });
});
