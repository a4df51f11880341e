import { Menu as Base } from '@base-ui/react/menu'
import { Icon } from './icon'
import { MenuButton, type MenuProps } from './menu'
import { toastError } from './toast'

type MenuEntry = MenuProps['entries'][number]

// What opens; menu.tsx loads it after the page.
export default function MenuList({ entries: list, label, words }: MenuProps) {
  const press = async (e: MenuEntry) => {
    try {
      await e.onPress()
    } catch (problem) {
      toastError(problem)
    }
  }
  return (
    <Base.Root>
      <Base.Trigger render={<MenuButton label={label} words={words} />} />
      <Base.Portal>
        <Base.Positioner sideOffset={4} align="end">
          <Base.Popup className="menu">
            {list.map((e) => (
              <Base.Item key={e.words} className={e.danger ? 'menu-item danger' : 'menu-item'} disabled={e.disabled} onClick={() => press(e)}>
                {e.icon && <Icon name={e.icon} />}{e.words}
              </Base.Item>
            ))}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  )
}
