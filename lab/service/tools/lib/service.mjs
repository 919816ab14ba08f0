// A service's authentication states, opened by the release's own modules. No socket, ever.
// Which service's: `kinds/` has a module for each, LAB_KIND names it.
const kind = await import(`../kinds/${process.env.LAB_KIND ?? 'lab'}.mjs`)

/** A company's session files, which need not be there yet: the old release only. */
export const openFiles = kind.openFiles

/**
 * A company's rows, which need not be there yet; settings from the release's .env.
 *
 * @returns the state, `ids()`, `query(sql, values)`, and `settled()` and `close()`, which wait for writes
 */
export const openRows = kind.openRows

/**
 * @param {'files'|'postgres'} provider files: the old release only; postgres: settings from its .env
 * @param {string} companyId
 * @returns the state, and `close()` which waits for writes
 */
export async function openService(provider, companyId) {
  const auth = await (provider === 'files' ? openFiles(companyId) : openRows(companyId))
  if (!auth.credentialsFound) {
    throw new Error(`no credentials for company ${companyId} in ${provider}`)
  }
  return auth
}
