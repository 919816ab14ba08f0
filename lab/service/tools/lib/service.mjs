// The service's authentication state, opened by the release's own modules. No socket, ever.
import { fromRelease } from './release.mjs'

const quiet = { info() {}, warn() {}, error: console.error }

/**
 * @param {'files'|'postgres'} provider files: the old release only; postgres: settings from its .env
 * @param {string} companyId
 * @returns the state, and `close()` which waits for writes; `pool` with postgres
 */
export async function openService(provider, companyId) {
  const auth = await (provider === 'files' ? openFiles(companyId) : openPostgres(companyId))
  if (!auth.credentialsFound) {
    throw new Error(`no credentials for company ${companyId} in ${provider}`)
  }
  return auth
}

async function openFiles(companyId) {
  const { SessionPool } = await fromRelease('src/session-pool.js')
  const auth = await new SessionPool({}, { announce: quiet, log: quiet }).openFileAuthState(
    companyId
  )
  return { ...auth, close: auth.settled }
}

async function openPostgres(companyId) {
  const { databaseSettings, loadSettings } = await fromRelease('src/settings.js')
  const { connectDatabase } = await fromRelease('src/database.js')
  const { usePostgresAuthState } = await fromRelease('src/postgres-auth-state.js')
  loadSettings()
  const pool = await connectDatabase(databaseSettings(), quiet)
  const auth = await usePostgresAuthState(pool, companyId)
  const close = async () => {
    await auth.settled()
    await pool.end()
  }
  return { ...auth, pool, close }
}
