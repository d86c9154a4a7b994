/** What decides who keeps users, and where. */
interface AuthSettings {
  readonly kind: string;
  readonly plugin?: { readonly appName?: string | undefined };
}

/** Apps of MLflow that the stack knows from within, as `mlflow server --app-name` has them. */
export const basicAuth = 'basic-auth';
/** https://github.com/mlflow-oidc/mlflow-oidc-auth */
export const oidcAuth = 'oidc-auth';

/** Name of the database with users and permissions, beside the backend store; none where the stack does not know of one. */
export function authDatabase({ kind, plugin }: AuthSettings): string | undefined {
  if (kind === 'basic') return 'mlflow_auth';
  return kind === 'plugin' && plugin?.appName === oidcAuth ? 'mlflow_oidc' : undefined;
}

/** Log-ins that the load balancer of a cloud does, as `auth.edge` names them. */
const cloudLogIns = ['iap', 'oidc', 'cognito'] as const;

/** Which of them a stack of kind `edge` uses; undefined where the Ingress controller asks for passwords itself. */
export function cloudLogIn(edge: object): (typeof cloudLogIns)[number] | undefined {
  return cloudLogIns.find((each) => (edge as Record<string, unknown>)[each] !== undefined);
}

/** Whether the Ingress controller asks for a name and a password. */
export const asksPasswords = ({ kind, edge }: { readonly kind: string; readonly edge: object }): boolean =>
  kind === 'edge' && cloudLogIn(edge) === undefined;
