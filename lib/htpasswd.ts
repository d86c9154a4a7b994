import { createHash } from 'node:crypto';

/**
 * A line of an htpasswd file. Only for generated passwords, which nobody can guess whatever their hash is: a slow one such
 * as bcrypt would protect nothing, and cost each request 50 to 150 ms. nginx, Traefik and oauth2-proxy all read this form.
 * https://httpd.apache.org/docs/current/misc/password_encryptions.html
 */
export function htpasswdLine(username: string, password: string): string {
  return `${username}:{SHA}${createHash('sha1').update(password).digest('base64')}`;
}
