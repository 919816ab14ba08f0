// The service in `lab/services/ai-admin/`: CommonJS, its settings in process.env, one database pool a process.
import path from 'node:path'
import { fromRelease } from '../lib/release.mjs'

const WHATSAPP = 'src/integrations/whatsapp'
const IDS = `SELECT key_type, json_agg(key_id) AS ids FROM whatsapp_keys
  WHERE company_id = $1 GROUP BY key_type`

// Its log goes to standard output, where the tools answer.
process.env.LOG_LEVEL = 'error'
try {
  process.loadEnvFile()
} catch (error) {
  if (error.code !== 'ENOENT') {
    throw error
  }
}

/** The old revision's session files, and the directory they are in. */
export async function openFiles(companyId) {
  const { SessionPool } = (await fromRelease(`${WHATSAPP}/session-pool.js`)).default
  const pool = new SessionPool()
  const auth = await pool.openFileAuthState(companyId)
  const credentialsFound = Boolean(auth.state.creds.me)
  const directory = path.resolve(pool.authPaths.get(companyId))
  return { ...auth, credentialsFound, directory, close: async () => {} }
}

/**
 * The rows, at Supabase where the flags of the .env say so (`ids` and `query` are PostgreSQL's);
 * a company without any gets a row, as the service does it.
 */
export async function openRows(companyId) {
  const { query, close } = (await fromRelease('src/database/postgres.js')).default
  const { useLegacySupabase } = (await fromRelease('src/config/database-flags.js')).default
  const auth = await (useLegacySupabase ? openSupabase : openPostgres)(companyId)
  const ids = async () => {
    const { rows } = await query(IDS, [companyId])
    return Object.fromEntries(rows.map(row => [row.key_type, row.ids]))
  }
  const credentialsFound = Boolean(auth.state.creds.me)
  return { ...auth, credentialsFound, ids, query, settled: async () => {}, close }
}

const openPostgres = async companyId =>
  (await fromRelease(`${WHATSAPP}/auth-state-postgres.js`)).default.usePostgresAuthState(companyId)

const openSupabase = async companyId =>
  (await fromRelease(`${WHATSAPP}/auth-state-supabase.js`)).default.useSupabaseAuthState(companyId)
