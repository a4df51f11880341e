// What the person in front of the page may do, from what the server says of them.
import type { OwnShapes } from './client'

/** Capability has the names of the contract's portal tokens. An operator's role is put into the same words. */
export type Capability = 'ViewBase' | 'ViewEndpointSecret' | 'ManageEndpointSecret' | 'ManageTransformations' | 'CreateAttempts' | 'ManageEndpoint'

/** Who is what the server says of who asks. */
export type Who = OwnShapes['ViewerOut']

export type Viewer = {
  kind: 'operator' | 'portal'
  who: Who
  /** may is false too for what a read-only portal or a role refuses; the server refuses it all the same. */
  may: (c: Capability) => boolean
  /** owns says the same of what only operators do, by the scope of the operation: owns('app:write'). No portal owns anything. */
  owns: (scope: string) => boolean
  /** offers is false for what the product's settings keep from its portal: offers('enableTransformations'). */
  offers: (setting: string | undefined) => boolean
  /** appId is the portal's own application. */
  appId?: string
  /** places of this page, as addresses for Link. */
  to: {
    endpoint: (appId: string, endpointId: string) => string
    message: (appId: string, messageId: string) => string
    eventType: (name: string) => string
  }
}

// What a portal that is for looking only leaves of the capabilities.
const looking: Capability[] = ['ViewBase', 'ViewEndpointSecret']

// covers is hook.Scope.Covers of the server.
function covers(scope: string, operation: string): boolean {
  if (scope === '*' || scope === operation) return true
  if (scope === '*:read') return operation.endsWith(':read') && operation !== 'secret:read' && operation !== 'sensitive:read' && operation !== 'system:read'
  return scope === `${operation.split(':')[0]}:*`
}

/** viewerOf puts what the server says into the questions that screens ask. settings are those of a portal. */
export function viewerOf(who: Who, to: Viewer['to'], settings: Record<string, unknown> = {}): Viewer {
  const operator = who.appId === null
  return {
    kind: operator ? 'operator' : 'portal',
    who,
    may: (c) => (who.capabilities ?? []).includes(c) && (!who.readOnly || looking.includes(c)),
    owns: (scope) => operator && (who.scopes === null || who.scopes.some((s) => covers(s, scope))),
    offers: (setting) => operator || setting === undefined || settings[setting] !== false,
    appId: who.appId ?? undefined,
    to,
  }
}
