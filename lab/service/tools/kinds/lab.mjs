// The lab's own service: how each of its revisions opens its authentication states.
import { fromRelease } from '../lib/release.mjs'

const quiet = { info() {}, warn() {}, error: console.error }

/** The old revision's session files, and the directory they are in. */
export async function openFiles(companyId) {
  const { SessionPool } = await fromRelease('src/session-pool.js')
  const pool = new SessionPool({}, { announce: quiet, log: quiet })
  const auth = await pool.openFileAuthState(companyId)
  return { ...auth, directory: pool.authPaths.get(companyId), close: auth.settled }
}

/** The rows, over the settings of the release's .env; `ids()` lists the keys as {type: [id, ...]}. */
export async function openRows(companyId) {
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
  const query = (...request) => pool.query(...request)
  return { ...auth, ids: () => listKeys(pool, companyId), query, close }
}

async function listKeys(pool, companyId) {
  const { rows } = await pool.query(
    'SELECT key_type, key_id FROM whatsapp_keys WHERE company_id = $1',
    [companyId]
  )
  const ids = {}
  for (const { key_type: type, key_id: id } of rows) {
    ;(ids[type] ??= []).push(id)
  }
  return ids
}
