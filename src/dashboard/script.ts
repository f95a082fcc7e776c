/**
 * All the script there is: while the first page of a list is looked at, it is fetched again every few seconds and what changed
 * is put in place. It waits while something in it is selected or has the keyboard, and can be switched off.
 */
export const script = `'use strict'
const box = document.getElementById('live')
if (box) {
  box.parentElement.hidden = false
  setInterval(async () => {
    const shown = document.querySelector('[data-live]')
    if (!box.checked || document.hidden || !shown) return
    if (shown.querySelector(':focus-visible') || !getSelection().isCollapsed) return
    try {
      const answer = await fetch(location.href)
      if (answer.redirected) return location.reload()
      if (!answer.ok) return
      const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector('[data-live]')
      if (fresh && fresh.innerHTML !== shown.innerHTML) shown.replaceWith(fresh)
    } catch {
      // The gateway is away; the next round asks again.
    }
  }, 3000)
}
`
