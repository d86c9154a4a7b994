// The part of Cloud SQL's API that the Auth Proxy asks: where an instance is, and for a certificate that lets it in there.
import type { Authority } from '../../../support/certificates.ts';
import { text } from '../double/gcp/rules.ts';
import type { Props, Store } from '../double/store.ts';
import { type Answer, found, refused } from './answers.ts';
import { accountOf, permittedOnInstance } from './identity.ts';

export const INSTANCE = 'gcp:sql/databaseInstance:DatabaseInstance';
/** In the certificate of each instance. */
export const instanceDnsName = 'instance.sql.goog';

interface Asked {
  readonly store: Store;
  /** Signs the certificates of instances, and of those who connect to them. */
  readonly authority: Authority;
  readonly caller: string;
  readonly project: string;
  readonly instance: string;
}

/** https://cloud.google.com/sql/docs/postgres/admin-api/rest/v1beta4/connect/get */
export function connectSettings(asked: Asked): Answer {
  const { store, authority, instance } = asked;
  const refusal = missing(asked, 'get');
  if (refusal !== undefined) return refusal;
  const outputs = store.get(INSTANCE, instance)?.outputs;
  if (outputs === undefined) return refused(404, 'The Cloud SQL instance does not exist.');
  return found({
    kind: 'sql#connectSettings',
    backendType: 'SECOND_GEN',
    databaseVersion: outputs.databaseVersion,
    region: outputs.region,
    ipAddresses: outputs.ipAddresses,
    dnsNames: [
      { name: `${instanceDnsName}.`, connectionType: 'PRIVATE_SERVICES_ACCESS', dnsScope: 'INSTANCE' },
    ],
    serverCaCert: { kind: 'sql#sslCert', cert: authority.certificate },
  });
}

/** https://cloud.google.com/sql/docs/postgres/admin-api/rest/v1beta4/connect/generateEphemeralCert */
export async function certificateFor(asked: Asked, request: Props): Promise<Answer> {
  const { authority, caller } = asked;
  const token = request.access_token;
  const refusal = missing(asked, 'connect') ?? (token === undefined ? undefined : missing(asked, 'login'));
  if (refusal !== undefined) return refusal;
  if (token !== undefined && accountOf(`Bearer ${text(token)}`) !== caller)
    return refused(400, 'Invalid request: the access token is not of the caller.');
  const cert = await authority.certify(text(request.public_key), {
    // As PostgreSQL knows the account.
    CN: caller.replace('.gserviceaccount.com', ''),
    OU: token === undefined ? 'connects' : 'logs in',
  });
  return found({ ephemeralCert: { kind: 'sql#sslCert', cert } });
}

function missing({ store, caller, project, instance }: Asked, verb: string): Answer | undefined {
  const permission = `cloudsql.instances.${verb}`;
  return permittedOnInstance(store, caller, { project, instance }, permission)
    ? undefined
    : refused(403, `boss::NOT_AUTHORIZED: ${caller} does not have ${permission} on ${instance}.`);
}
