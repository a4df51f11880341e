// What the dashboard reads: the words of both pages and its own.
import { enDashboard } from './en-dashboard'
import { add, text as shared, type Catalogue, type Loose } from './index'

/** DashboardCatalogue is what a language must have. */
export type DashboardCatalogue = Catalogue & Loose<typeof enDashboard>

add(enDashboard)

/** text is the catalogue of the language in use, as the dashboard knows it. */
export const text = shared as DashboardCatalogue
