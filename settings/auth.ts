// Who may use the server, and how people and programs show who they are.
import type { core } from '@pulumi/kubernetes/types/input.js';
import * as v from 'valibot';
import { defaultImages } from '../lib/image.ts';
import {
  flag,
  imageWithTag,
  manifests,
  oneOf,
  optionalSection,
  resources,
  secretKey,
  secretName,
  section,
  secretText,
  text,
  texts,
  wholeNumber,
} from '../lib/schema.ts';

const userName = () => text('a user name', /^[\w.@-]+$/, 255);
const userNames = () => v.array(userName(), 'a list of user names');
const httpsAddress = () =>
  text('an address such as https://id.example.com/authorize', /^https:\/\/\S+$/, 2048);
const words = (what: string) => v.optional(v.array(text(what, /^\S+$/), `a list, each item ${what}`), []);

export const auth = optionalSection({
  /**
   * `none`: whoever reaches the server may do anything. `basic`: MLflow's own users and permissions. `oauth2Proxy`: single
   * sign-on in front of each pod. `edge`: passwords at the Ingress. `plugin`: an auth plug-in in MLflow's image.
   */
  kind: v.optional(oneOf(['none', 'basic', 'oauth2Proxy', 'edge', 'plugin']), 'none'),
  /** Accepts that anybody who reaches a way in from outside may do anything, where `kind` is `none`. */
  acceptPublic: v.optional(flag(), false),
  adminUsername: v.optional(userName(), 'admin'),
  /** Password of that user, a secret of at least 12 characters. Default: generated, in output adminPassword. */
  adminPassword: v.optional(secretText(12)),
  /** Existing Secret with that password. */
  adminPasswordFrom: v.optional(secretKey()),
  /** What users may do with what they were given no permission for. */
  defaultPermission: v.optional(oneOf(['READ', 'USE', 'EDIT', 'MANAGE', 'NO_PERMISSIONS']), 'READ'),
  /** Seconds that a server remembers a checked password: three times the requests, but a revoked one works as long. */
  cacheSeconds: v.optional(wholeNumber(0, 3600), 0),

  /** Kind `edge`: the Ingress controller asks for a name and a password. */
  edge: optionalSection({
    /** Who may enter. Each gets a generated password, in output passwords. */
    users: v.optional(userNames(), ['mlflow']),
    /** With alb: people log in at an OpenID provider before the load balancer lets them through. */
    oidc: v.optional(
      section({
        issuer: httpsAddress(),
        authorizationEndpoint: httpsAddress(),
        tokenEndpoint: httpsAddress(),
        userInfoEndpoint: httpsAddress(),
        /** Client that the provider knows this server by. Its redirect address is <entry>/oauth2/idpresponse. */
        clientId: text('the id of a client', /^\S+$/),
        /** Existing Secret with the secret of that client. */
        clientSecretFrom: secretKey(),
      }),
    ),
    /** With alb: people log in at a user pool of Amazon Cognito. */
    cognito: v.optional(
      section({
        userPoolArn: text(
          'the ARN of a user pool such as arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_AbCdEf123',
          /^arn:aws[a-z-]*:cognito-idp:[a-z0-9-]+:\d{12}:userpool\/[\w-]+$/,
        ),
        userPoolClientId: text('the id of a client of that user pool', /^[\w+]+$/),
        /** Domain of its log-in page: the prefix alone, or a host name. */
        userPoolDomain: text('a domain such as my-team', /^[a-z0-9][-.a-z0-9]*$/),
      }),
    ),
  }),

  /** Kind `oauth2Proxy`: https://oauth2-proxy.github.io/oauth2-proxy/ beside MLflow, which listens to nobody else. */
  oauth2Proxy: optionalSection({
    /** Kind of identity provider, as oauth2-proxy names it. */
    provider: v.optional(text('a provider of oauth2-proxy such as oidc', /^[a-z][-a-z0-9]*$/), 'oidc'),
    /** Address of the identity provider, as its tokens name it. */
    issuerUrl: v.optional(text('an address such as https://id.example.com', /^https?:\/\/\S+$/, 2048)),
    /** Client that the provider knows this server by. Its redirect address is <entry>/oauth2/callback. */
    clientId: v.optional(text('the id of a client', /^\S+$/)),
    /** Existing Secret with the secret of that client. */
    clientSecretFrom: v.optional(secretKey()),
    /** Domains of the mail addresses that may enter; `*` for whoever the provider knows. */
    emailDomains: words('a domain such as example.com, or *'),
    /** Groups of the provider whose members may enter. */
    allowedGroups: words('the name of a group'),
    /** Scopes that are asked for. Default: the provider's own. */
    scopes: words('the name of a scope'),
    /** Programs that log in by name and password, where they cannot get a token. Each password is in output passwords. */
    users: v.optional(userNames(), []),
    /** Further options of oauth2-proxy. Not for secrets. */
    extraArgs: v.optional(
      v.array(
        text('an option such as --cookie-expire=8h', /^--[a-z][-a-z0-9]*(=.*)?$/, 4096),
        'a list of options',
      ),
      [],
    ),
    image: v.optional(imageWithTag(), defaultImages.oauth2Proxy),
    resources: resources({ requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '256Mi' } }),
  }),

  /** Kind `plugin`: https://mlflow.org/docs/latest/ml/plugins/, installed in `server.image`. */
  plugin: optionalSection({
    /** What `mlflow server --app-name` knows it by. `oidc-auth`, of mlflow-oidc-auth, is set up as a whole. */
    appName: v.optional(text('the name of an app such as oidc-auth', /^[\w][\w.-]*$/)),
    /** Its variables, none of them secret. */
    env: texts(),
    /** ConfigMaps and Secrets whose keys become its variables. */
    envFrom: manifests<core.v1.EnvFromSource>('a source with configMapRef or secretRef'),
    /** Existing Secret by which garbage collection logs in. Not for `oidc-auth`, where it needs none. */
    credentialsFrom: v.optional(
      section({
        secretName: secretName(),
        /** Keys of the Secret; each becomes a variable of the same name. */
        keys: v.optional(
          v.array(
            oneOf(['MLFLOW_TRACKING_TOKEN', 'MLFLOW_TRACKING_USERNAME', 'MLFLOW_TRACKING_PASSWORD']),
            'a list of variables',
          ),
          ['MLFLOW_TRACKING_TOKEN'],
        ),
      }),
    ),
  }),
});
