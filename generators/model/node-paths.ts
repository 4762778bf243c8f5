/** Places on the node that the plan and a provider both have to know. */

/** The node's own client of the API server: ca.crt, client.crt, client.key. */
export const identityFolder = '/etc/leaven/identity'
