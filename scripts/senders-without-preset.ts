/** Senders that prove themselves by something else than a signature or a token, by nothing, or in a way that no preset says yet. */
export const withoutPreset: readonly { readonly what: string; readonly senders: readonly string[] }[] = [
  {
    what: 'A client certificate is their only proof; ask for it by `certificate:` ([certificates.md](certificates.md)):',
    senders: ['Worldpay Access Events', 'Mastercard (cross-border, payment initiation)', 'Google Dialogflow CX', 'Upvest', 'Salesforce outbound messages'],
  },
  {
    what: 'User and password; ask for them by `basic:` ([tokens.md](tokens.md)):',
    senders: ['Azure DevOps service hooks', 'Chargebee', 'Postmark', 'Pipedrive', 'Workday', 'Recurly (XML notifications)'],
  },
  {
    what: 'A token of an identity provider; ask for it by `bearer:` ([tokens.md](tokens.md)):',
    senders: ['Azure Event Grid with Entra ID', 'Microsoft Graph rich notifications'],
  },
  {
    what: 'No proof at all; only the source address (`from:`) or a path that nobody guesses is left:',
    senders: ['Docker Hub', 'Mailchimp Marketing', 'Mollie (classic webhooks)', 'AWS SNS with raw message delivery'],
  },
  {
    what: 'Not covered, because no public page says what is signed:',
    senders: ['Sellsy (a plain SHA-1 hash, over what is not said)'],
  },
]
