// Certificates, and the records by which a name is found and proved.
import * as acm from '@aws-sdk/client-acm';
import * as route53 from '@aws-sdk/client-route-53';
import type { Context, ServedKind } from '../provider.ts';
import type { Props } from '../store.ts';
import { allTags, asTagList, clientOf, regionOf, saying, unlessAbsent } from './clients.ts';
import { arn, oneOf, texts } from './rules.ts';

const acmClient = clientOf((settings) => new acm.ACMClient(settings));
const dnsClient = clientOf((settings) => new route53.Route53Client(settings));

async function describe(id: string, context: Context): Promise<acm.CertificateDetail | undefined> {
  const asked = acmClient(context).send(new acm.DescribeCertificateCommand({ CertificateArn: id }));
  return (await unlessAbsent(asked))?.Certificate;
}

const certificateOutputs = (
  found: acm.CertificateDetail | undefined,
  inputs: Props,
  context: Context,
): Props => ({
  arn: found?.CertificateArn,
  domainValidationOptions: (found?.DomainValidationOptions ?? []).map(({ DomainName, ResourceRecord }) => ({
    domainName: DomainName,
    resourceRecordName: ResourceRecord?.Name,
    resourceRecordType: ResourceRecord?.Type,
    resourceRecordValue: ResourceRecord?.Value,
  })),
  keyAlgorithm: found?.KeyAlgorithm,
  notAfter: found?.NotAfter?.toISOString() ?? '',
  notBefore: found?.NotBefore?.toISOString() ?? '',
  region: regionOf(context.config),
  status: found?.Status,
  subjectAlternativeNames: found?.SubjectAlternativeNames ?? [],
  tagsAll: allTags(inputs, context),
  type: found?.Type,
});

export const certificate: ServedKind = {
  replaceOnChanges: [
    'certificateAuthorityArn',
    'domainName',
    'keyAlgorithm',
    'region',
    'subjectAlternativeNames',
    'validationMethod',
    'validationOptions',
  ],
  check: (inputs, fail) => {
    texts({
      domainName: (value) =>
        /^(\*\.)?([a-z0-9-]{1,63}\.)+[a-z0-9-]{2,63}$/i.test(value) ? undefined : 'must be a domain name',
      validationMethod: oneOf('DNS', 'EMAIL', 'NONE'),
    })(inputs, fail);
  },
  make: async (inputs, context) => {
    const made = acmClient(context).send(
      new acm.RequestCertificateCommand({
        DomainName: inputs.domainName as string,
        SubjectAlternativeNames: inputs.subjectAlternativeNames as string[] | undefined,
        ValidationMethod: inputs.validationMethod as acm.ValidationMethod,
        KeyAlgorithm: inputs.keyAlgorithm as acm.KeyAlgorithm | undefined,
        Tags: asTagList(allTags(inputs, context)),
      }),
    );
    const { CertificateArn = '' } = await saying(
      'requesting ACM Certificate',
      'ACM: RequestCertificate',
      made,
    );
    return {
      id: CertificateArn,
      outputs: certificateOutputs(await describe(CertificateArn, context), inputs, context),
    };
  },
  look: async ({ id, outputs }, context) => {
    const found = await describe(id, context);
    return found && certificateOutputs(found, outputs, context);
  },
  change: async (inputs, { id }, context) => certificateOutputs(await describe(id, context), inputs, context),
  unmake: async ({ id: CertificateArn }, context) => {
    await unlessAbsent(acmClient(context).send(new acm.DeleteCertificateCommand({ CertificateArn })));
  },
};

/** Waits until the certificate is issued, which takes records that prove the names. */
export const certificateValidation: ServedKind = {
  replaceOnChanges: ['certificateArn', 'validationRecordFqdns', 'region'],
  check: texts({ certificateArn: arn }),
  make: async (inputs, context) => {
    const found = await describe(inputs.certificateArn as string, context);
    const needed = (found?.DomainValidationOptions ?? []).map(({ ResourceRecord }) =>
      String(ResourceRecord?.Name).replace(/\.$/, ''),
    );
    const given = ((inputs.validationRecordFqdns ?? needed) as string[]).map((name) =>
      name.replace(/\.$/, ''),
    );
    const missing = needed.filter((name) => !given.includes(name));
    if (missing.length > 0) throw new Error(`missing ${missing.join(', ')} DNS validation record`);
    // The service issues it a while after the records are there.
    const deadline = Date.now() + 60_000;
    for (
      let now = found;
      now?.Status !== 'ISSUED';
      now = await describe(inputs.certificateArn as string, context)
    ) {
      if (Date.now() > deadline)
        throw new Error(
          `waiting for ACM Certificate (${inputs.certificateArn as string}) to be issued: timeout`,
        );
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    return {
      id: new Date(found?.IssuedAt ?? Date.now()).toISOString(),
      outputs: { region: regionOf(context.config) },
    };
  },
  look: async ({ outputs }, context) => (await describe(outputs.certificateArn as string, context)) && {},
  unmake: () => Promise.resolve(),
};

const types = ['A', 'AAAA', 'CAA', 'CNAME', 'MX', 'NS', 'PTR', 'SOA', 'SPF', 'SRV', 'TXT'];

async function change(Action: route53.ChangeAction, inputs: Props, context: Context): Promise<void> {
  const alias = (inputs.aliases as Props[] | undefined)?.[0];
  const changed = dnsClient(context).send(
    new route53.ChangeResourceRecordSetsCommand({
      HostedZoneId: inputs.zoneId as string,
      ChangeBatch: {
        Changes: [
          {
            Action,
            ResourceRecordSet: {
              Name: inputs.name as string,
              Type: inputs.type as route53.RRType,
              ...(alias === undefined
                ? {
                    TTL: inputs.ttl as number,
                    ResourceRecords: (inputs.records as string[]).map((Value) => ({ Value })),
                  }
                : {
                    AliasTarget: {
                      HostedZoneId: alias.zoneId as string,
                      DNSName: alias.name as string,
                      EvaluateTargetHealth: alias.evaluateTargetHealth as boolean,
                    },
                  }),
            },
          },
        ],
      },
    }),
  );
  const what = `${Action.toLowerCase()} Route 53 Record (${inputs.name as string})`;
  await saying(what, 'Route 53: ChangeResourceRecordSets', changed);
}

const recordOutputs = ({ name }: Props): Props => ({ fqdn: String(name).replace(/\.$/, '') });

export const record: ServedKind = {
  replaceOnChanges: ['name', 'type', 'zoneId', 'setIdentifier'],
  check: (inputs, fail) => {
    texts({
      type: oneOf(...types),
      zoneId: (value) => (/^Z[A-Z0-9]{1,31}$/.test(value) ? undefined : 'must be the id of a hosted zone'),
    })(inputs, fail);
    const { aliases, records, ttl } = inputs;
    if (aliases !== undefined && records !== undefined)
      fail('aliases', '"alias": conflicts with records; only one of `alias,records` can be specified');
    if (records !== undefined && ttl === undefined)
      fail('ttl', '"ttl": all of `records,ttl` must be specified');
  },
  make: async (inputs, context) => {
    await change(inputs.allowOverwrite === true ? 'UPSERT' : 'CREATE', inputs, context);
    const { zoneId, name, type } = inputs as Record<string, string>;
    return { id: `${zoneId ?? ''}_${name ?? ''}_${type ?? ''}`, outputs: recordOutputs(inputs) };
  },
  look: async ({ outputs }, context) => {
    const asked = dnsClient(context).send(
      new route53.ListResourceRecordSetsCommand({ HostedZoneId: outputs.zoneId as string }),
    );
    const name = `${String(outputs.name).replace(/\.$/, '')}.`;
    const found = (await unlessAbsent(asked))?.ResourceRecordSets?.some(
      ({ Name, Type }) => Name === name && Type === outputs.type,
    );
    return found === true ? recordOutputs(outputs) : undefined;
  },
  change: async (inputs, _, context) => {
    await change('UPSERT', inputs, context);
    return recordOutputs(inputs);
  },
  unmake: async ({ outputs }, context) => {
    await change('DELETE', outputs, context);
  },
};

/** Zones of application load balancers: https://docs.aws.amazon.com/general/latest/gr/elb.html */
const balancerZones: Readonly<Record<string, string>> = { 'eu-west-1': 'Z32O12XQLNTSW2' };

export async function getHostedZoneId(_: Props, { config }: Context): Promise<Props> {
  const id = balancerZones[regionOf(config)];
  if (id === undefined) throw new Error(`unsupported AWS Region: ${regionOf(config)}`);
  return { id, region: regionOf(config) };
}
