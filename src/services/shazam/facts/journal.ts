/** Root's notes on a node: ids of the resources that our own hand brought to it … */
export const MADE = '/var/lib/devops/made'
/** … and handlers that are owed. Lost with a boot, as the need for a reload is. */
export const PENDING = '/run/devops/pending'
