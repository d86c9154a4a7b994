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
   * `none`: whoever reaches the server may do anything. `basic`: MLflow's own users and permissions, in a database
   * `mlflow_auth` beside the backend store; MLflow 3.16.1 or newer. `oauth2Proxy`: single sign-on in front of MLflow, in its
   * pods. `edge`: passwords at the Ingress controller. `plugin`: an auth plug-in in MLflow's image; MLflow 3.16.0 or newer.
   */
  kind: v.optional(oneOf(['none', 'basic', 'oauth2Proxy', 'edge', 'plugin']), 'none'),
  /**
   * Accepts that anybody may do anything who reaches an Ingress, a route or a LoadBalancer that is not limited to known
   * networks, where `kind` is `none`.
   */
  acceptPublic: v.optional(flag(), false),
  /** Kind `basic`: name of the first administrator. */
  adminUsername: v.optional(userName(), 'admin'),
  /**
   * Password of that user, 12 characters or more; output `adminPassword` shows it. Excludes `adminPasswordFrom`. Default:
   * generated, 24 characters.
   */
  adminPassword: v.optional(secretText(12)),
  /** Existing Secret with that password. */
  adminPasswordFrom: v.optional(secretKey()),
  /** Kind `basic`, and `plugin` with `oidc-auth`: what users may do with what they were given no permission for. */
  defaultPermission: v.optional(oneOf(['READ', 'USE', 'EDIT', 'MANAGE', 'NO_PERMISSIONS']), 'READ'),
  /**
   * Kind `basic`: seconds that a server remembers a checked password. Three times the requests, but a revoked password works
   * that much longer.
   */
  cacheSeconds: v.optional(wholeNumber(0, 3600), 0),

  edge: optionalSection({
    /** Kind `edge`: who may enter. Each gets a generated password, in output `passwords`. Needs `ingress.enabled`. */
    users: v.optional(userNames(), ['mlflow']),
    /** With alb: people log in at an OpenID provider before the load balancer lets them through. */
    oidc: v.optional(
      section({
        /** Address of the provider, as its tokens name it. */
        issuer: httpsAddress(),
        /** Where people log in at it, as its discovery document says. */
        authorizationEndpoint: httpsAddress(),
        /** Where it gives tokens. */
        tokenEndpoint: httpsAddress(),
        /** Where it tells who somebody is. */
        userInfoEndpoint: httpsAddress(),
        /** Client that the provider knows this server by. Its redirect address is <entry>/oauth2/idpresponse. */
        clientId: text('the id of a client', /^\S+$/),
        /** Existing Secret with the secret of that client. */
        clientSecretFrom: secretKey(),
      }),
    ),
    /** With gce: Google's Identity-Aware Proxy asks people for their Google account. */
    iap: v.optional(
      section({
        /** OAuth client of the project. */
        clientId: text(
          'the id of a client such as 1234567890-abc.apps.googleusercontent.com',
          /^[\w-]+\.apps\.googleusercontent\.com$/,
        ),
        /** Existing Secret with the secret of that client. */
        clientSecretFrom: secretKey(),
        /** Who may enter. */
        members: v.pipe(
          v.array(
            text(
              'a member such as user:jane@example.com, group:team@example.com, domain:example.com or serviceAccount:robot@my-project.iam.gserviceaccount.com',
              /^((user|group|serviceAccount):[^\s@:]+@[\w.-]+|domain:[\w.-]+\.[a-z]+)$/,
            ),
            'a list of members, such as group:team@example.com',
          ),
          v.minLength(1, 'at least one member, such as group:team@example.com'),
        ),
      }),
    ),
    /** With alb: people log in at a user pool of Amazon Cognito. */
    cognito: v.optional(
      section({
        /** The user pool. */
        userPoolArn: text(
          'the ARN of a user pool such as arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_AbCdEf123',
          /^arn:aws[a-z-]*:cognito-idp:[a-z0-9-]+:\d{12}:userpool\/[\w-]+$/,
        ),
        /** Client of that pool that the load balancer is. */
        userPoolClientId: text('the id of a client of that user pool', /^[\w+]+$/),
        /** Domain of its log-in page: the prefix alone, or a host name. */
        userPoolDomain: text('a domain such as my-team', /^[a-z0-9][-.a-z0-9]*$/),
      }),
    ),
  }),

  oauth2Proxy: optionalSection({
    /** Kind of identity provider, as [oauth2-proxy](https://oauth2-proxy.github.io/oauth2-proxy/configuration/providers/) names it. */
    provider: v.optional(text('a provider of oauth2-proxy such as oidc', /^[a-z][-a-z0-9]*$/), 'oidc'),
    /** Address of the identity provider, as its tokens name it. Required with `oidc` and other providers that are found by it. */
    issuerUrl: v.optional(text('an address such as https://id.example.com', /^https?:\/\/\S+$/, 2048)),
    /** Client that the provider knows this server by. Its redirect address is `<URL of the first host>/oauth2/callback`. */
    clientId: v.optional(text('the id of a client', /^\S+$/)),
    /** Existing Secret with the secret of that client. */
    clientSecretFrom: v.optional(secretKey()),
    /**
     * Domains of the mail addresses that may enter; `*` for whoever the provider knows. This or `allowedGroups` is required;
     * with both, people need both.
     */
    emailDomains: words('a domain such as example.com, or *'),
    /** Groups of the provider whose members may enter. */
    allowedGroups: words('the name of a group'),
    /** Scopes that are asked for. Default: the provider's own. */
    scopes: words('the name of a scope'),
    /** Programs that log in by name and generated password, where they cannot get a token; output `passwords`. */
    users: v.optional(userNames(), []),
    /** Further options of oauth2-proxy. Not for secrets. */
    extraArgs: v.optional(
      v.array(
        text('an option such as --cookie-expire=8h', /^--[a-z][-a-z0-9]*(=.*)?$/, 4096),
        'a list of options',
      ),
      [],
    ),
    /** Image of oauth2-proxy 7.15 or newer. */
    image: v.optional(imageWithTag(), defaultImages.oauth2Proxy),
    /** Of oauth2-proxy, per pod. */
    resources: resources({ requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '256Mi' } }),
  }),

  plugin: optionalSection({
    /**
     * What `mlflow server --app-name` knows the plug-in by. `oidc-auth`, of mlflow-oidc-auth, is set up as a whole. Its package
     * must be in `server.image`.
     */
    appName: v.optional(text('the name of an app such as oidc-auth', /^[\w][\w.-]*$/)),
    /** Variables of the plug-in, none of them secret. */
    env: texts(),
    /** ConfigMaps and Secrets whose keys become variables of the plug-in, as in a container. */
    envFrom: manifests<core.v1.EnvFromSource>('a source with configMapRef or secretRef'),
    /** Existing Secret by which garbage collection logs in. Required where that is on, but not for `oidc-auth`. */
    credentialsFrom: v.optional(
      section({
        secretName: secretName(),
        /**
         * Keys of it, each of which becomes a variable of that name: the token, or both of `MLFLOW_TRACKING_USERNAME` and
         * `MLFLOW_TRACKING_PASSWORD`.
         */
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
