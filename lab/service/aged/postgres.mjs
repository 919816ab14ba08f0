// The service's state in PostgreSQL, by the release's own modules and the settings of its .env;
// unlike the service it may be opened before there are credentials.
import { fromRelease } from '../lab-tools/lib/release.mjs'

const log = { info() {}, warn() {}, error: console.error }

/** @returns the state as the service has it, and the `pool` below it */
export async function openDatabase(companyId) {
  const { databaseSettings, loadSettings } = await fromRelease('src/settings.js')
  const { connectDatabase } = await fromRelease('src/database.js')
  const { usePostgresAuthState } = await fromRelease('src/postgres-auth-state.js')
  loadSettings()
  const pool = await connectDatabase(databaseSettings(), log)
  return { pool, ...(await usePostgresAuthState(pool, companyId)) }
}
