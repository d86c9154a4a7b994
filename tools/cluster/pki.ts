import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import type { StepContext } from '../lib/step.ts';
import { certificates, type NodeSettings, render } from './config.ts';

/** Nothing of the system's OpenSSL settings may leak into the certificates. */
const OPENSSL_CONFIG = '[req]\ndistinguished_name = name\n[name]\n';
const CLIENTS = ['kubelet', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy'];

/** Makes authority, certificates, keys and the daemons' kubeconfigs; the complete folder appears at once or not at all. */
export async function makePki(settings: NodeSettings, { signal, log }: StepContext): Promise<void> {
  const folder = join(settings.dir, 'pki');
  if (existsSync(folder)) return;
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
  await request('ca', '/CN=mlflow-stack', authority);
  for (const { name, subject, alternativeNames } of certificates(settings)) {
    const names = alternativeNames ? [`subjectAltName=${alternativeNames.join(',')}`] : [];
    const usage = ['basicConstraints=critical,CA:FALSE', 'extendedKeyUsage=clientAuth,serverAuth'];
    await request(name, subject, [...usage, ...names], '-CA', 'ca.crt', '-CAkey', 'ca.key');
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
