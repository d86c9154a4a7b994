// What EKS does for pods whose ServiceAccount names a role: https://github.com/aws/amazon-eks-pod-identity-webhook. Beside
// that it tells them where the pretended account is, since no name leads there.
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { hostAddress } from '../../../../tools/cluster/index.ts';
import { authority } from '../../../support/certificates.ts';
import { apply, kubectlJson, tryKubectl } from '../cluster.ts';
import { instance } from '../stack.ts';
import type { AwsAccount } from './account.ts';

const configuration = 'pod-identity-of-tests';
const tokens = '/var/run/secrets/eks.amazonaws.com/serviceaccount';
const certificates = '/etc/pretended-aws';
const certificateNote = 'pretended-aws/ca.crt';

interface Container {
  env?: { name: string; value?: string }[];
  volumeMounts?: object[];
}

interface Pod {
  metadata: { annotations?: Record<string, string> };
  spec: {
    serviceAccountName?: string;
    volumes?: object[];
    containers: Container[];
    initContainers?: Container[];
  };
}

export class IdentityWebhook {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** For the pods of one namespace. */
  static async start(account: AwsAccount, region: string, namespace: string): Promise<IdentityWebhook> {
    const host = hostAddress(instance);
    const { certificate, issue } = await authority();
    const own = await issue({ hosts: [host] });
    const server = createServer({ cert: own.certificate, key: own.key }, (request, response) => {
      void textOf(request).then(
        async (text) => {
          const { request: review } = JSON.parse(text) as { request: { uid: string; object: Pod } };
          const pod = await changed(review.object, account, region, namespace);
          const patch = [
            { op: 'replace', path: '/metadata', value: pod.metadata },
            { op: 'replace', path: '/spec', value: pod.spec },
          ];
          response.setHeader('content-type', 'application/json');
          response.end(
            JSON.stringify({
              apiVersion: 'admission.k8s.io/v1',
              kind: 'AdmissionReview',
              response: {
                uid: review.uid,
                allowed: true,
                patchType: 'JSONPatch',
                patch: Buffer.from(JSON.stringify(patch)).toString('base64'),
              },
            }),
          );
        },
        () => response.writeHead(500).end(),
      );
    });
    server.listen(0, host);
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    await apply({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata: { name: configuration },
      webhooks: [
        {
          name: 'identity.tests.example',
          admissionReviewVersions: ['v1'],
          sideEffects: 'None',
          failurePolicy: 'Fail',
          clientConfig: {
            url: `https://${host}:${port}/`,
            caBundle: Buffer.from(certificate).toString('base64'),
          },
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
          rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
        },
      ],
    });
    return new IdentityWebhook(server);
  }

  async stop(): Promise<void> {
    await tryKubectl('delete', 'mutatingwebhookconfiguration', configuration, '--ignore-not-found');
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

async function changed(pod: Pod, account: AwsAccount, region: string, namespace: string): Promise<Pod> {
  const name = pod.spec.serviceAccountName ?? 'default';
  const { metadata } = await kubectlJson<{ metadata: { annotations?: Record<string, string> } }>(
    ...['--namespace', namespace, 'get', `serviceaccount/${name}`],
  );
  const role = metadata.annotations?.['eks.amazonaws.com/role-arn'];
  const audience = 'sts.amazonaws.com';
  const token = { serviceAccountToken: { audience, expirationSeconds: 86_400, path: 'token' } };
  const note = { path: 'ca.crt', fieldRef: { fieldPath: `metadata.annotations['${certificateNote}']` } };
  const identity = role !== undefined && {
    AWS_ROLE_ARN: role,
    AWS_WEB_IDENTITY_TOKEN_FILE: `${tokens}/token`,
  };
  const variables: Record<string, string> = {
    AWS_ENDPOINT_URL: account.url,
    AWS_CA_BUNDLE: `${certificates}/ca.crt`,
    AWS_DEFAULT_REGION: region,
    AWS_REGION: region,
    AWS_STS_REGIONAL_ENDPOINTS: 'regional',
    // Its databases have a certificate of its own authority, and none of Amazon's.
    PGSSLROOTCERT: `${certificates}/ca.crt`,
    // Tokens for them end sooner, too.
    TOKEN_RENEWAL_SECONDS: '5',
    ...identity,
  };
  const withIdentity = (container: Container): Container => {
    // What is there already stays.
    const added = Object.entries(variables).filter(
      ([variable]) => container.env?.some(({ name: known }) => known === variable) !== true,
    );
    return {
      ...container,
      env: [...(container.env ?? []), ...added.map(([variable, value]) => ({ name: variable, value }))],
      volumeMounts: [
        ...(container.volumeMounts ?? []),
        { name: 'pretended-aws', mountPath: certificates, readOnly: true },
        ...(role === undefined ? [] : [{ name: 'aws-iam-token', mountPath: tokens, readOnly: true }]),
      ],
    };
  };
  const { spec } = pod;
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      annotations: { ...pod.metadata.annotations, [certificateNote]: account.certificate },
    },
    spec: {
      ...spec,
      volumes: [
        ...(spec.volumes ?? []),
        { name: 'pretended-aws', downwardAPI: { items: [note] } },
        ...(role === undefined ? [] : [{ name: 'aws-iam-token', projected: { sources: [token] } }]),
      ],
      containers: spec.containers.map(withIdentity),
      ...(spec.initContainers && { initContainers: spec.initContainers.map(withIdentity) }),
    },
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
