import { execFileSync } from 'node:child_process';

/**
 * A key and certificate for 127.0.0.1 and kubernetes.test that certify nobody but themselves, made anew for each run. They
 * serve as the test server's own, as its authority and as a client's.
 */
export const selfSigned = make();

function make(): { readonly cert: string; readonly key: string } {
  const pem = execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-nodes', '-days', '1', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
      ...['-keyout', '-', '-subj', '/CN=mlflow-stack-test'],
      ...['-addext', 'subjectAltName=IP:127.0.0.1,DNS:kubernetes.test'],
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const block = (kind: string) =>
    new RegExp(`-----BEGIN ${kind}-----[^-]+-----END ${kind}-----\n`).exec(pem)?.[0] ?? '';
  return { cert: block('CERTIFICATE'), key: block('PRIVATE KEY') };
}
