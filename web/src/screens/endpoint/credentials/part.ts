// The parts of an endpoint's credentials, and how a form of one is told what is there and what to change.
import type { OwnShapes } from '../../../api/client'

export type Saved = OwnShapes['CredentialsOut']
export type Change = Partial<OwnShapes['CredentialsIn']>
export type Part = keyof Omit<Saved, 'warnings'>

export const parts: Part[] = ['basic', 'bearer', 'oauth2', 'apiKey', 'hmac', 'mtls', 'ca', 'proxy', 'sourceAddress']

/** logins fill the same header, so there is one of them at most. */
const logins = ['basic', 'bearer', 'oauth2'] as const

/** noLogin takes away whichever login there is. */
export const noLogin: Change = { basic: null, bearer: null, oauth2: null }

/** replacesLogin says that setting a part takes another login away. */
export const replacesLogin = (saved: Saved, part: Part): boolean => logins.some((l) => l === part) && logins.some((l) => l !== part && saved[l] !== null)

export type PartProps = { saved: Saved; onPut: (change: Change) => Promise<unknown>; onClose: () => void }

/** secretOf is a secret as it is sent: what was typed; nothing, where the one that is set stays; and else that there is none. */
export const secretOf = (typed: string, stays: boolean): string | undefined => (typed === '' && stays ? undefined : typed)
