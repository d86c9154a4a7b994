import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { stringify } from 'yaml';
import type { StepContext } from '../lib/step.ts';
import { certificates, kubeconfig } from './config.ts';
import type { Network } from './network.ts';

/** Nothing of the system's OpenSSL settings may leak into the certificates. */
const OPENSSL_CONFIG = '[req]\ndistinguished_name = name\n[name]\n';
const CLIENTS = ['kubelet', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy'];

/** Makes the cluster's authority, certificates and keys, and the daemons' kubeconfigs; a complete folder appears at once or not at all. */
export async function makePki(folder: string, network: Network, context: StepContext): Promise<void> {
  if (existsSync(folder)) return;
  const work = `${folder}.new`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true, mode: 0o700 });
  writeFileSync(join(work, 'openssl.cnf'), OPENSSL_CONFIG);

  const request = async (
    name: string,
    subject: string,
    extensions: readonly string[],
    signer: readonly string[] = [],
  ) => {
    const key = [
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-keyout',
      `${name}.key`,
    ];
    const more = extensions.flatMap((extension) => ['-addext', extension]);
    const args = [
      '-x509',
      '-config',
      'openssl.cnf',
      '-days',
      '3650',
      '-subj',
      subject,
      ...key,
      ...signer,
      ...more,
      '-out',
      `${name}.crt`,
    ];
    await execa('openssl', ['req', ...args], {
      cwd: work,
      cancelSignal: context.signal,
      stdout: context.log,
      stderr: context.log,
    });
  };
  await request('ca', '/CN=mlflow-stack', [
    'basicConstraints=critical,CA:TRUE',
    'keyUsage=critical,keyCertSign,cRLSign,digitalSignature',
  ]);
  const signer = ['-CA', 'ca.crt', '-CAkey', 'ca.key'];
  for (const { name, subject, alternativeNames } of certificates(network)) {
    const names = alternativeNames ? [`subjectAltName=${alternativeNames.join(',')}`] : [];
    const usage = ['basicConstraints=critical,CA:FALSE', 'extendedKeyUsage=clientAuth,serverAuth'];
    await request(name, subject, [...usage, ...names], signer);
  }
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  writeFileSync(join(work, 'service-account.key'), privateKey.export({ type: 'sec1', format: 'pem' }), {
    mode: 0o600,
  });
  writeFileSync(join(work, 'service-account.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
  for (const name of CLIENTS)
    writeKubeconfig(join(work, `${name}.kubeconfig`), 'node', 'https://127.0.0.1:6443', work, name);
  renameSync(work, folder);
}

export function writeKubeconfig(
  file: string,
  context: string,
  server: string,
  pki: string,
  name: string,
): void {
  const read = (each: string) => readFileSync(join(pki, each), 'utf8');
  const content = kubeconfig(context, server, {
    ca: read('ca.crt'),
    certificate: read(`${name}.crt`),
    key: read(`${name}.key`),
  });
  writeFileSync(`${file}.new`, stringify(content), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
