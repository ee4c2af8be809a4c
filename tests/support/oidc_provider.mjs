// A real OpenID Connect provider, as a company has one: the certified `oidc-provider`, with its own sign-in pages, which take any
// password. Usage: node oidc_provider.mjs PORT SETTINGS, where the settings are JSON: pages (its redirect URI), cli (likewise), api (the
// audience of access tokens), seconds (how long these live), groups (by name of the user).
import Provider from 'oidc-provider';

const [port, json] = process.argv.slice(2);
const settings = JSON.parse(json);
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';
const groupsOf = (name) => settings.groups[name] ?? [];

const provider = new Provider(`http://localhost:${port}`, {
  clients: [
    {
      client_id: 'flyteui',
      client_secret: 'secret-of-pages',
      redirect_uris: [settings.pages],
      grant_types: ['authorization_code'],
      response_types: ['code'],
    },
    {
      client_id: 'flyte-cli',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      redirect_uris: [settings.cli],
      grant_types: ['authorization_code', 'refresh_token', DEVICE],
      response_types: ['code'],
    },
    {
      client_id: 'robot',
      client_secret: 'secret-of-robot',
      redirect_uris: [],
      grant_types: ['client_credentials'],
      response_types: [],
    },
  ],
  claims: { openid: ['sub', 'preferred_username', 'groups'] },
  conformIdTokenClaims: false,
  cookies: { keys: ['only-for-tests'] },
  pkce: { required: () => true },
  issueRefreshToken: (ctx, client) => client.grantTypeAllowed('refresh_token'),
  findAccount: (ctx, name) => ({
    accountId: name,
    claims: () => ({ sub: name, preferred_username: name, groups: groupsOf(name) }),
  }),
  extraTokenClaims: (ctx, token) => ({ groups: groupsOf(token.accountId ?? token.clientId) }),
  features: {
    devInteractions: { enabled: true },
    deviceFlow: { enabled: true },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => settings.api,
      useGrantedResource: () => true,
      // Of every program of the company: a token for one is none for another.
      getResourceServerInfo: (ctx, resource) => ({
        scope: '', audience: resource, accessTokenFormat: 'jwt', accessTokenTTL: settings.seconds,
      }),
    },
  },
});

provider.listen(Number(port), '127.0.0.1', () => console.log('ready'));
