import { expect, test } from 'vitest'
import { certificateRows, certificateState, connectionWords } from './connection'
import type { Attempt } from './data'

const attempt = (hookloft: Partial<NonNullable<Attempt['hookloft']>>) => ({ timestamp: '2026-11-21T12:00:00Z', hookloft }) as Attempt

test('a connection is named by what is known of it', () => {
  expect(connectionWords(attempt({ protocol: 'h2', tls: { version: 'TLS 1.3' } }))).toBe('HTTP/2, TLS 1.3')
  expect(connectionWords(attempt({ protocol: 'http/1.1' }))).toBe('HTTP/1.1')
  expect(connectionWords(attempt({ tls: { version: 'TLS 1.2' } }))).toBe('TLS 1.2')
  expect(connectionWords(attempt({}))).toBe('–')
})

test('a certificate is judged by the moment of the attempt', () => {
  const at = '2026-11-21T12:00:00Z'
  expect(certificateState('2026-11-21T12:00:00Z', at)).toBe('expired')
  expect(certificateState('2026-12-05T11:59:59Z', at)).toBe('soon')
  expect(certificateState('2026-12-05T12:00:00Z', at)).toBe('valid')
})

test('certificates are compared where there is one', () => {
  const seen = attempt({ tls: { subject: 'a.example', issuer: 'CA', notAfter: '2027-01-01T00:00:00Z' } })
  expect(certificateRows(attempt({}), attempt({ protocol: 'http/1.1' }))).toEqual([])
  expect(certificateRows(attempt({}), seen).map(([, here, there]) => [here, there])).toEqual([['–', 'a.example'], ['–', 'CA'], ['–', '2027-01-01T00:00:00Z']])
})
