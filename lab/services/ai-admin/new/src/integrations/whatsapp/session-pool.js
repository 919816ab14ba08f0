// Sessions no longer live in files: useMultiFileAuthState, fs-extra and the session directories
// (baseAuthPath, authPaths) went with the clean-up.
const logger = require('../../utils/logger')
const { usePostgresAuthState } = require('./auth-state-postgres')
const { useSupabaseAuthState } = require('./auth-state-supabase')
const credentialsCache = require('./credentials-cache')
const { Sessions } = require('./session')

/** The sessions of this process: at Supabase or in PostgreSQL. */
class SessionPool extends Sessions {
  constructor() {
    super()
    this.useLegacySupabase = process.env.USE_LEGACY_SUPABASE !== 'false'
    this.useDatabaseAuthState = process.env.USE_DATABASE_AUTH_STATE === 'true'
    logger.info('✅ WhatsApp session pool initialized')
  }

  async openAuthState(companyId) {
    if (this.useLegacySupabase) {
      logger.info(`☁️ Using legacy Supabase auth state for company ${companyId}`)
      return useSupabaseAuthState(companyId)
    }
    if (this.useDatabaseAuthState) {
      logger.info(`🗄️ Using PostgreSQL auth state for company ${companyId}`)
      return usePostgresAuthState(companyId, credentialsCache)
    }
    throw new Error(
      'No auth state provider configured. Set USE_LEGACY_SUPABASE=true or USE_REPOSITORY_PATTERN=true'
    )
  }
}

let pool

function getSessionPool() {
  pool ??= new SessionPool()
  return pool
}

module.exports = { SessionPool, getSessionPool }
