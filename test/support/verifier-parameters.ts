import type { Parameters } from '../../src/schemes/presets.ts'

/** What the presets of built-in verifiers ask of the operator. */
export const verifierParameters: Readonly<Record<string, Parameters>> = {
  'atlassian-connect-lifecycle': { audience: ['https://hooks.example.com'] },
  'google-pubsub': { audience: ['https://hooks.example.com/in'], email: 'push@project.iam.gserviceaccount.com' },
  'monday': { audience: ['https://hooks.example.com/in'] },
  'paypal': { webhookId: '1JE4291016473214C' },
  'sns': { topics: ['arn:aws:sns:us-east-1:123456789012:MyTopic'] },
}
