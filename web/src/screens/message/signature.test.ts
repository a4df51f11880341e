import { expect, test } from 'vitest'
import { checkSignature } from './signature'

// The example of the Standard Webhooks specification.
const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const body = new TextEncoder().encode('{"test": 2432232314}')
const headers = { 'Webhook-Id': 'msg_p5jXN8AQM9LWM0D4loKWxJek', 'webhook-timestamp': '1614265330', 'webhook-signature': 'v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=' }

test('one of several signatures fits the body', async () => {
  expect(await checkSignature(headers, body, secret)).toBe('fits')
  expect(await checkSignature(headers, new TextEncoder().encode('{"test": 2432232315}'), secret)).toBe('wrong')
  expect(await checkSignature({ ...headers, 'webhook-signature': 'v1,%%%' }, body, secret)).toBe('wrong')
  expect(await checkSignature({}, body, secret)).toBe('missing')
  expect(await checkSignature({ ...headers, 'webhook-signature': 'v1a,AAAA' }, body, secret)).toBe('other-scheme')
  expect(await checkSignature(headers, body, 'whpk_AAAA')).toBe('other-scheme')
})
