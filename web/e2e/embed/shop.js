// The page of a product that shows the portal, with the published svix-react. Its address says what AppPortal is given.
import { createElement } from 'react'
import { createRoot } from 'react-dom/client'
import { AppPortal } from 'svix-react'
import 'svix-react/style.css'

const given = JSON.parse(new URLSearchParams(location.search).get('given'))
createRoot(document.getElementById('root')).render(createElement(AppPortal, given))
