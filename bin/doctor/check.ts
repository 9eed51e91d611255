/** What one look of the doctor says. */
export interface Check {
  check: string
  /** `warning`: it works, with a risk; `bad`: it does not work, or could not be checked. */
  state: 'good' | 'warning' | 'bad'
  /** What is so. */
  says: string
  /** What to do; none where nothing is wrong. */
  advice: string | null
}

export const good = (check: string, says: string): Check => ({ check, state: 'good', says, advice: null })
export const warning = (check: string, says: string, advice: string): Check => ({
  check,
  state: 'warning',
  says,
  advice,
})
export const bad = (check: string, says: string, advice: string): Check => ({
  check,
  state: 'bad',
  says,
  advice,
})

type Look = () => Check[] | Promise<Check[]>

/** A check that fails is bad: it does not show that all is well. */
export async function look(check: string, act: Look): Promise<Check[]> {
  try {
    return await act()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return [
      bad(check, `could not be checked: ${reason}`, 'Run this as the user of the platform, or as root.'),
    ]
  }
}
