// The only way to the server: its public API, with the token of whoever looks.
import createFetchClient, { type Middleware } from 'openapi-fetch'
import createQueryClient from 'openapi-react-query'
import type { paths as Contract, components as ContractComponents } from './contract'
import type { paths as Own, components as OwnComponents } from './own'

// The paths of both documents: they share none.
interface Paths extends Contract, Own {}

/** Shapes are the JSON shapes of the contract, OwnShapes those of /x/v1. */
export type Shapes = ContractComponents['schemas']
export type OwnShapes = OwnComponents['schemas']

/** baseURL is where the server's paths begin; it ends without a slash. The server writes <base href>. */
export const baseURL = new URL('.', document.baseURI).href.replace(/\/$/, '')

/** ApiError is an answer that says no, in the server's own words. status 0: there was no answer. */
export class ApiError extends Error {
  constructor(readonly status: number, readonly code: string, readonly detail: string, readonly fields: { path: string; message: string }[] = []) {
    super(detail)
    this.name = 'ApiError'
  }
}

/** errorOf reads an answer that says no. */
export async function errorOf(response: Response): Promise<ApiError> {
  const text = await response.text()
  try {
    const body = JSON.parse(text) as { code?: string; detail?: string | { loc: (string | number)[]; msg: string }[] }
    if (Array.isArray(body.detail)) {
      const fields = body.detail.map((d) => ({ path: d.loc.slice(1).join('.'), message: d.msg }))
      return new ApiError(response.status, 'validation', fields.map((f) => `${f.path}: ${f.message}`).join('; '), fields)
    }
    return new ApiError(response.status, body.code ?? '', body.detail ?? text)
  } catch {
    return new ApiError(response.status, '', text || response.statusText)
  }
}

/** credentials says how requests prove who asks; session.ts sets it. */
export const credentials: { headers: () => Record<string, string>; refused: (e: ApiError) => void } = { headers: () => ({}), refused: () => {} }

const middleware: Middleware = {
  onRequest({ request }) {
    for (const [name, value] of Object.entries(credentials.headers())) request.headers.set(name, value)
    return request
  },
  async onResponse({ response }) {
    if (response.ok) return response
    const error = await errorOf(response)
    if (error.status === 401) credentials.refused(error)
    throw error
  },
  onError({ error }) {
    return error instanceof ApiError ? error : new ApiError(0, 'no_answer', String(error))
  },
}

/** client calls an operation: `const { data } = await client.GET('/api/v1/app')`. What fails throws an ApiError. */
export const client = createFetchClient<Paths>({ baseUrl: baseURL })
client.use(middleware)

/** api has the hooks: `api.useQuery('get', '/api/v1/app/{app_id}', { params: { path: { app_id } } })`. */
export const api = createQueryClient(client)
