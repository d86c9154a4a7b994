import { generateKeyPairSync } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import type { StepContext } from '../lib/step.ts';
import { type CertificateRequest, certificates, type NodeSettings, render } from './config.ts';

/** Nothing of the system's OpenSSL settings may leak into the certificates. */
const OPENSSL_CONFIG = '[req]\ndistinguished_name = name\n[name]\n';
const CLIENTS = ['kubelet', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy', 'kube-router'];

/**
 * Makes authority, certificates, keys and the daemons' kubeconfigs; the complete folder appears at once or not at all. Where it is
 * there, an older version of these tools may have made it: the same authority signs what that did not know.
 */
export async function makePki(settings: NodeSettings, { signal, log }: StepContext): Promise<void> {
  const folder = join(settings.dir, 'pki');
  const isNew = !existsSync(folder);
  const missing = missingCertificates(settings);
  if (missing.length === 0) return;
  const work = `${folder}.new`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { mode: 0o700 });
  writeFileSync(join(work, 'openssl.cnf'), OPENSSL_CONFIG);

  const request = async (name: string, subject: string, extensions: string[], ...signer: string[]) => {
    const key = `-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -keyout ${name}.key`.split(' ');
    const args = [
      '-x509',
      '-config',
      'openssl.cnf',
      '-days',
      '3650',
      '-subj',
      subject,
      '-out',
      `${name}.crt`,
    ];
    const more = extensions.flatMap((extension) => ['-addext', extension]);
    const options = { cwd: work, cancelSignal: signal, stdout: log, stderr: log };
    await execa('openssl', ['req', ...args, ...key, ...more, ...signer], options);
  };
  const authority = [
    'basicConstraints=critical,CA:TRUE',
    'keyUsage=critical,keyCertSign,cRLSign,digitalSignature',
  ];
  if (isNew) {
    await request('ca', '/CN=mlflow-stack', authority);
    makeServiceAccountKeys(work);
  } else for (const file of ['ca.crt', 'ca.key']) copyFileSync(join(folder, file), join(work, file));
  for (const { name, subject, alternativeNames } of missing) {
    const names = alternativeNames ? [`subjectAltName=${alternativeNames.join(',')}`] : [];
    const usage = ['basicConstraints=critical,CA:FALSE', 'extendedKeyUsage=clientAuth,serverAuth'];
    await request(name, subject, [...usage, ...names], '-CA', 'ca.crt', '-CAkey', 'ca.key');
  }
  for (const { name } of missing.filter(({ name }) => CLIENTS.includes(name)))
    writeKubeconfig(join(work, `${name}.kubeconfig`), 'node', 'https://127.0.0.1:6443', work, name);
  if (isNew) {
    renameSync(work, folder);
    return;
  }
  // The certificate comes last, because it tells that the rest is there.
  for (const file of missing.flatMap(({ name }) =>
    ['key', 'kubeconfig', 'crt'].map((kind) => `${name}.${kind}`),
  ))
    if (existsSync(join(work, file))) renameSync(join(work, file), join(folder, file));
  rmSync(work, { recursive: true });
}

export function missingCertificates(settings: NodeSettings): CertificateRequest[] {
  const file = (name: string) => join(settings.dir, 'pki', `${name}.crt`);
  return certificates(settings).filter(({ name }) => !existsSync(file(name)));
}

function makeServiceAccountKeys(folder: string): void {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  writeFileSync(join(folder, 'service-account.key'), privateKey.export({ type: 'sec1', format: 'pem' }), {
    mode: 0o600,
  });
  writeFileSync(join(folder, 'service-account.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
}

export function writeKubeconfig(
  file: string,
  context: string,
  server: string,
  pki: string,
  name: string,
): void {
  const [ca, certificate, key] = ['ca.crt', `${name}.crt`, `${name}.key`].map((each) =>
    readFileSync(join(pki, each), 'base64'),
  );
  writeWhole(file, render('kubeconfig.yaml', { context, server, ca, certificate, key }), 0o600);
}

/** A file that is read later is there completely or not at all, whenever this process is killed. */
export function writeWhole(file: string, content: string, mode = 0o644): void {
  writeFileSync(`${file}.new`, content, { mode });
  renameSync(`${file}.new`, file);
}
