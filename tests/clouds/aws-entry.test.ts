import { join } from 'node:path';
import { expect } from 'chai';
import { type JsonObject, isUnknown } from '../support/mocks.ts';
import { runProgram, stackFile, updateOf } from '../support/program.ts';

const aws = { entrySubnetIds: ['subnet-0123456789abcdef2', 'subnet-0123456789abcdef3'] };
const service = { type: 'LoadBalancer', port: 443, hosts: ['mlflow.example.com'], staticIp: true };

/** The stack with a load balancer of its own in place of one for its Ingress. */
const update = (more: object = {}) =>
  updateOf('prod-aws', { aws, ingress: { enabled: false }, server: { service: { ...service, ...more } } });

describe('a network load balancer whose addresses stay', function () {
  this.timeout('1m');

  it('gets an Elastic IP in each of its subnets, by its annotations', async () => {
    const run = await update();
    const addresses = run.resources.filter(({ type }) => type === 'aws:ec2/eip:Eip');
    expect(
      addresses.map(({ inputs, parent, name }) => ({ name, parent, domain: inputs.domain })),
    ).to.deep.equal(
      aws.entrySubnetIds.map((id) => ({
        name: `mlflow-entry-address-${id}`,
        parent: 'CloudParts/mlflow-entry',
        domain: 'vpc',
      })),
    );
    const { metadata, spec } = run.get('Service/mlflow-service').inputs as {
      metadata: { annotations: JsonObject };
      spec: JsonObject;
    };
    const prefix = 'service.beta.kubernetes.io/aws-load-balancer-';
    expect(metadata.annotations).to.include({
      [`${prefix}type`]: 'external',
      [`${prefix}scheme`]: 'internet-facing',
      [`${prefix}nlb-target-type`]: 'ip',
      [`${prefix}subnets`]: aws.entrySubnetIds.join(','),
      [`${prefix}eip-allocations`]: 'eipalloc-2,eipalloc-3',
    });
    expect(spec.type).to.equal('LoadBalancer');
    expect(run.outputs.entryAddress).to.equal('203.0.113.2,203.0.113.3');
    expect(run.outputs.trackingUrl).to.equal('http://mlflow.example.com:443');
    expect(run.resources.filter(({ type }) => type === 'aws:route53/record:Record')).to.deep.equal([]);
  });

  it('is previewed while its addresses are not known', async () => {
    const file = stackFile(join(import.meta.dirname, '../../Pulumi.prod-aws.yaml'));
    const changes = {
      'mlflow-stack:aws': { ...(file['mlflow-stack:aws'] as object), ...aws },
      'mlflow-stack:ingress': { enabled: false },
      'mlflow-stack:server': { service },
    };
    const preview = await runProgram({ ...file, ...changes }, { stack: 'prod-aws', preview: true });
    const { resources } = await update();
    expect(preview.resources.map(({ id }) => id)).to.have.members(resources.map(({ id }) => id));
    expect(isUnknown(preview.outputs.entryAddress)).to.equal(true);
  });

  it('is found by its hosts, whose records lead to all of its addresses', async () => {
    const run = await update({ dns: { zone: 'Z0123456789' } });
    expect(run.get('Record/mlflow-entry-record-mlflow.example.com').inputs).to.deep.equal({
      zoneId: 'Z0123456789',
      name: 'mlflow.example.com',
      type: 'A',
      ttl: 300,
      records: ['203.0.113.2', '203.0.113.3'],
    });
  });
});
