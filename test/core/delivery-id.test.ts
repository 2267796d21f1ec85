import fc from 'fast-check'
import t from 'tap'
import { newDeliveryId } from '../../src/core/delivery-id.ts'

t.test('sixteen random bytes as base64url', async () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => (
    newDeliveryId({ bytes: (count) => bytes.subarray(0, count) }) === Buffer.from(bytes).toString('base64url')
  )))
})
