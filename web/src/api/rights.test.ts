import { expect, test } from 'vitest'
import { viewerOf, type Viewer, type Who } from './rights'

const to = {} as Viewer['to']
const who = (change: Partial<Who>): Who => ({
  kind: 'api', environment: { id: 'org_1', name: 'default' }, user: null, environments: null, appId: null, capabilities: [], featureFlags: null,
  readOnly: false, sessionId: null, scopes: null, expiresAt: null, ...change,
})

test('a portal for looking may change nothing, and owns nothing', () => {
  const v = viewerOf(who({ kind: 'portal', appId: 'app_1', readOnly: true, capabilities: ['ViewBase', 'ViewEndpointSecret', 'ManageEndpoint'] }), to)
  expect([v.kind, v.may('ViewBase'), v.may('ViewEndpointSecret'), v.may('ManageEndpoint'), v.owns('app:read')]).toEqual(['portal', true, true, false, false])
})

test('scopes cover as they do on the server', () => {
  const owns = (scopes: string[] | null, scope: string) => viewerOf(who({ scopes }), to).owns(scope)
  expect(owns(null, 'token:write')).toBe(true)
  expect(owns(['*'], 'secret:read')).toBe(true)
  expect(owns(['*:read'], 'app:read')).toBe(true)
  expect(owns(['*:read'], 'app:write')).toBe(false)
  expect(owns(['*:read'], 'secret:read')).toBe(false)
  expect(owns(['*:read'], 'sensitive:read')).toBe(false)
  expect(owns(['app:*'], 'app:write')).toBe(true)
  expect(owns(['app:*'], 'apple:write')).toBe(false)
})

test('what the settings of a product keep from its portal is not offered there', () => {
  const settings = { enableTransformations: false, enableEndpointMtlsConfig: true }
  const portal = viewerOf(who({ kind: 'portal', appId: 'app_1' }), to, settings)
  expect(['enableTransformations', 'enableEndpointMtlsConfig', 'enableEndpointOauthConfig', undefined].map(portal.offers)).toEqual([false, true, true, true])
  expect(viewerOf(who({}), to, settings).offers('enableTransformations')).toBe(true)
})
