import type { Tree } from './fields.ts'
import { explain, faultOf, Templates } from './templates.ts'
import { show } from './text.ts'

/**
 * Conditions are what stands in `{% if … %}`: comparisons, `and`, `or`, `contains`, filters. `not` is not among them: write
 * `x == false`. They are checked and rendered as that tag, so that addresses in them are found like any others.
 */
export const asTemplate = (condition: string): string => `{% if ${condition} %}true{% endif %}`

const conditions = new Templates()

export function conditionTrouble(text: string): string | undefined {
  if (/(^|\s)not\s/.test(text)) return `write == false instead of not, got ${show(text)}`
  return itemConditionTrouble(text)
}

/** Of an item of a service, where `not` is fine as well. */
export function itemConditionTrouble(text: string): string | undefined {
  if (/\{[{%]|[%}]\}/.test(text))
    return `is a condition by itself: write it without {{ and }}, got ${show(text)}`
  if (/(^|\s)(&&|\|\|)\s/.test(text)) return `write and, or, got ${show(text)}`
  if (/(==|!=|<=?|>=?|\b(contains|and|or))\s*$/.test(text))
    return `ends where a value should stand, got ${show(text)}`
  try {
    conditions.parse(asTemplate(text))
    return undefined
  } catch (error) {
    return `is not a condition: ${faultOf(error).message}`
  }
}

/** Throws `invalid`. */
export const holds = (condition: string, scope: Tree): boolean =>
  explain(condition, scope, () => {
    const text = conditions.liquid.renderSync(
      conditions.parse(asTemplate(condition)),
      conditions.context(scope),
    )
    return String(text) === 'true'
  })
