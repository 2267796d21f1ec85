import { newTree, readJson, want } from '../json.ts'
import type { Challenge } from './challenge.ts'

const hosts = ['sns.*.amazonaws.com', 'sns.*.amazonaws.com.cn']

const tree = newTree()
const names = ['Type', 'TopicArn', 'Token', 'SubscribeURL'] as const
const places = names.map((name) => want(tree, [name]))

/**
 * https://docs.aws.amazon.com/sns/latest/dg/SendMessageToHttp.prepare.html: a signed message asks for one GET at a URL. The URL
 * is an attacker's text until it is shown to be none (CVE-2026-32096): so it is made anew out of topic and token, and the one
 * that was sent must be the same. What is signed is asked before, and whether the topic is ours, by the signature check.
 *
 * Whoever ended a subscription is not contradicted: the confirmation of that is taken note of, and nothing is asked.
 */
export const sns: Challenge = {
  methods: [], when: 'signed', needs: 'nothing',
  answer({ body }, { confirm }) {
    const read = body === undefined ? 'not-json' : readJson(body, tree)
    if (typeof read === 'string') return 'no-challenge'
    const [type, topic, token, sent] = places.map((place) => read[place]?.text)
    if (type === 'UnsubscribeConfirmation') return { type: undefined, body: '' }
    if (type !== 'SubscriptionConfirmation') return 'no-challenge'
    const url = confirmationUrl(topic ?? '', token ?? '')
    if (url === undefined || sent !== url) return 'wrong'
    return {
      act: async () => {
        await confirm(url, hosts)
        return { type: undefined, body: '' }
      },
    }
  },
}

/** Where a subscription to this topic is confirmed. Undefined: no topic of SNS, or no token that AWS makes. */
function confirmationUrl(topic: string, token: string): string | undefined {
  const region = /^arn:aws[a-z-]{0,20}:sns:([a-z0-9-]{1,40}):[0-9]{12}:[A-Za-z0-9_.-]{1,256}$/.exec(topic)?.[1]
  if (region === undefined || !/^[A-Za-z0-9]{16,1024}$/.test(token)) return undefined
  const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'
  return `https://sns.${region}.${domain}/?Action=ConfirmSubscription&TopicArn=${topic}&Token=${token}`
}
