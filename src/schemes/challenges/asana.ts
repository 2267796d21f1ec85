import { single } from '../../core/headers.ts'
import { sameBytes } from '../compare.ts'
import { bytesOf } from '../encoding.ts'
import type { Challenge } from './challenge.ts'
import { parameter } from './in-head.ts'

/** Asana makes 32 to 64 characters; a header that is longer, or that says more than visible ASCII, is not from there. */
const secretForm = /^[\x21-\x7e]{16,128}$/

/**
 * https://developers.asana.com/docs/webhooks-guide#the-webhook-handshake: the first request brings the secret, unsigned, and
 * wants it back. Whoever comes first is believed, so that one secret stands for good; who wants to know more puts a token
 * into the URL that Asana is given.
 */
export const asana: Challenge = {
  methods: [], when: 'head', needs: 'nothing', handsOver: 'secret',
  answer(head, { verifyToken, keep }) {
    const secret = single(head.headers.one('x-hook-secret'))
    if (secret === undefined || head.headers.has('x-hook-signature')) return 'no-challenge'
    const token = parameter(head, 'token')
    const knows = verifyToken === undefined || (token !== undefined && sameBytes(bytesOf(token), verifyToken))
    if (!knows || !secretForm.test(secret)) return 'wrong'
    return {
      act: async () => (await keep(bytesOf(secret)) ? { type: undefined, body: '', headers: ['X-Hook-Secret', secret] } : 'wrong'),
    }
  },
}
