// What people and programs do to get in, by the kind of log-in.
import { cloudLogIn, oidcAuth } from './auth.ts';

export interface SignInSettings {
  readonly kind: 'none' | 'basic' | 'oauth2Proxy' | 'edge' | 'plugin';
  readonly edge: { readonly users: readonly string[] };
  readonly oauth2Proxy: { readonly issuerUrl?: string | undefined; readonly users: readonly string[] };
  readonly plugin: { readonly appName?: string | undefined; readonly env: Readonly<Record<string, string>> };
}

/** Address and way of people, address and variables of programs. Holds no secret, but says where each is. */
export interface SignInGuide {
  readonly people: { readonly url: string; readonly by: string };
  readonly programs: { readonly url: string; readonly variables: Readonly<Record<string, string>> };
}

export function signInGuide(auth: SignInSettings, url: string): SignInGuide {
  const [by, variables] = ways[auth.kind](auth);
  return {
    people: { url, by },
    programs: { url, variables: { MLFLOW_TRACKING_URI: url, ...variables } },
  };
}

const password = (user: string, holds: string) => ({
  MLFLOW_TRACKING_USERNAME: user,
  MLFLOW_TRACKING_PASSWORD: holds,
});

const ways: Record<
  SignInSettings['kind'],
  (auth: SignInSettings) => [by: string, variables: Readonly<Record<string, string>>]
> = {
  none: () => ['nobody is asked', {}],
  basic: () => ['a user of MLflow', password('a user of MLflow', 'password of that user')],
  edge: ({ edge }) => {
    // Its load balancer knows browsers alone.
    if (cloudLogIn(edge) !== undefined)
      return [
        'the log-in of the load balancer',
        { MLFLOW_TRACKING_URI: 'output internalTrackingUrl, inside the cluster' },
      ];
    const [user = ''] = edge.users;
    return [`a user of auth.edge.users`, password(user, `output passwords, ${user}`)];
  },
  oauth2Proxy: ({ oauth2Proxy: { issuerUrl = 'the identity provider', users } }) => {
    const [user] = users;
    return [
      `single sign-on at ${issuerUrl}`,
      {
        MLFLOW_TRACKING_TOKEN: `a token of ${issuerUrl} whose audience is the client`,
        ...(user === undefined ? {} : password(`or ${user}`, `output passwords, ${user}`)),
      },
    ];
  },
  plugin: ({ plugin: { appName = '', env } }) =>
    appName === oidcAuth
      ? [
          `single sign-on at ${env.OIDC_PROVIDER_DISPLAY_NAME ?? 'the identity provider'}`,
          {
            MLFLOW_TRACKING_TOKEN: 'a token of the identity provider whose audience is OIDC_AUDIENCE',
            ...password('or a user or service account of the plug-in', 'access token of that user'),
          },
        ]
      : [`the plug-in ${appName}`, { MLFLOW_TRACKING_TOKEN: `what the plug-in ${appName} takes` }],
};
