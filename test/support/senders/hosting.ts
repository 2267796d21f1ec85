import { mac, milliseconds, seal } from './parcel.ts'
import { inOne, overBody, sender, token, type Sender } from './shapes.ts'

/** Code hosting, builds, forums and blogs. */
export const hosting: Record<string, Sender> = {
  'bitbucket': overBody('X-Hub-Signature', { before: 'sha256=' }),
  'bitbucket-server': overBody('X-Hub-Signature', { before: 'sha256=' }),
  'buildkite': inOne('X-Buildkite-Signature', (time, proof) => `timestamp=${time},signature=${proof}`),
  'buildkite-token': token('X-Buildkite-Token'),
  'circleci': overBody('circleci-signature', { before: 'v1=' }),
  'discourse': overBody('X-Discourse-Event-Signature', { before: 'sha256=' }),
  'forgejo': overBody('X-Forgejo-Signature'),
  'ghost': inOne('X-Ghost-Signature', (time, proof) => `sha256=${proof}, t=${time}`, milliseconds, ({ body }, time) => [body, time]),
  'gitea': overBody('X-Gitea-Signature'),
  'github': overBody('X-Hub-Signature-256', { before: 'sha256=' }),
  'gitlab': token('X-Gitlab-Token'),
  'gogs': overBody('X-Gogs-Signature'),
  'google-project-hosting': overBody('Google-Code-Project-Hosting-Hook-Hmac', { hash: 'md5' }),
  'heroku': overBody('Heroku-Webhook-Hmac-SHA256', { as: 'base64' }),
  'jenkins': overBody('X-Hub-Signature-256', { before: 'sha256=' }),
  'jenkins-token': token('token'),
  'jira': overBody('X-Hub-Signature', { before: 'sha256=' }),
  'nexus': overBody('X-Nexus-Webhook-Signature', { hash: 'sha1' }),
  'npm': overBody('x-npm-signature', { before: 'sha256=' }),
  'phabricator': overBody('X-Phabricator-Webhook-Signature'),
  'sonarqube': overBody('X-Sonar-Webhook-HMAC-SHA256'),
  'terraform-cloud': overBody('X-TFE-Notification-Signature', { hash: 'sha512' }),
  'travis-ci': sender(
    (parcel) => ({ Signature: seal(parcel, 'sha1', 'base64', new URLSearchParams(parcel.body.toString()).get('payload') as string) }),
    { key: 'rsa', covers: 'form', body: ({ id }) => `payload=${encodeURIComponent(JSON.stringify({ id, state: 'passed' }))}` },
  ),
  'trello': sender((parcel) => ({ 'X-Trello-Webhook': mac(parcel, 'sha1', 'base64', parcel.body, parcel.url) })),
  'vercel': overBody('x-vercel-signature', { hash: 'sha1' }),
}
