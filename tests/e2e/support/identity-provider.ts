// An identity provider with OpenID Connect, on this machine, that takes anybody at their word.
import { type Server, createServer } from 'node:http';
import { once } from 'node:events';
import Provider from 'oidc-provider';

/** Audience of tokens: the client that people log in by. */
export const client = { id: 'mlflow', secret: 'secret-of-the-client-mlflow' };
const robot = { id: 'trainer', secret: 'secret-of-the-client-trainer' };

/** Groups by the name that somebody logs in with. */
const groupsOf = (name: string): string[] => (name.startsWith('stranger') ? ['others'] : ['scientists']);

export class IdentityProvider {
  readonly issuer: string;
  readonly #server: Server;

  private constructor(issuer: string, server: Server) {
    this.issuer = issuer;
    this.#server = server;
  }

  /** Sends people back to these addresses and to no others. */
  static async start(address: string, redirectUris: string[]): Promise<IdentityProvider> {
    const server = createServer();
    server.listen(0, address);
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const issuer = `http://${address}:${port}`;
    const provider = providerAt(issuer, redirectUris);
    server.on('request', (request, response) => void provider.callback()(request, response));
    return new IdentityProvider(issuer, server);
  }

  /** A token for a program, which logs in by itself. */
  async token(): Promise<string> {
    const answer = await fetch(`${this.issuer}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${robot.id}:${robot.secret}`)}` },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    });
    const { access_token: token } = (await answer.json()) as { access_token: string };
    return token;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

function providerAt(issuer: string, redirectUris: string[]): Provider {
  return new Provider(issuer, {
    clients: [
      { client_id: client.id, client_secret: client.secret, redirect_uris: redirectUris },
      {
        client_id: robot.id,
        client_secret: robot.secret,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
    ],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'], groups: ['groups'] },
    scopes: ['openid', 'email', 'profile', 'groups'],
    conformIdTokenClaims: false,
    findAccount: (_, name) => ({
      accountId: name,
      claims: () => ({
        sub: name,
        name,
        email: `${name}@example.com`,
        email_verified: true,
        groups: groupsOf(name),
      }),
    }),
    extraTokenClaims: (_, token) =>
      token.kind === 'ClientCredentials'
        ? { email: `${robot.id}@example.com`, groups: groupsOf(robot.id) }
        : undefined,
    features: {
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => 'https://mlflow.example.com',
        // People's tokens are for the provider's own page about them.
        useGrantedResource: () => false,
        getResourceServerInfo: () => ({
          scope: 'openid',
          audience: client.id,
          accessTokenFormat: 'jwt',
        }),
      },
    },
    pkce: { required: () => true },
    ttl: {
      AccessToken: 600,
      ClientCredentials: 600,
      Grant: 600,
      IdToken: 600,
      Interaction: 600,
      Session: 600,
    },
  });
}
