import Type from 'typebox'

/** What may stand in a resource. Nothing with a control character: ids are kept on lines of their own. */
export const PATH = '^/[^\\x00-\\x1f\\x7f]*[^/\\x00-\\x1f\\x7f]/*$'
export const Path = Type.String({
  pattern: PATH,
  description: 'absolute path',
})
export const Account = Type.String({
  pattern: '^[a-z_][a-z0-9_.-]{0,31}$',
  description: 'name of a user or group',
})
export const Mode = Type.String({
  pattern: '^0?[0-7]{3,4}$',
  description: 'octal mode in quotes, such as "0644"',
})
export const PackageName = Type.String({
  pattern: '^[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?$',
  description: 'package name',
})
export const UnitName = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9:_.@\\\\-]*$',
  description: 'systemd unit',
})
export const Line = Type.String({ pattern: '^[^\\x00-\\x1f\\x7f]*$', description: 'one line' })
