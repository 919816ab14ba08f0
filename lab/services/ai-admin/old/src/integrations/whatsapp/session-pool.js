const path = require('path')
const fs = require('fs-extra')
const logger = require('../../utils/logger')
const { usePostgresAuthState } = require('./auth-state-postgres')
const { useSupabaseAuthState } = require('./auth-state-supabase')
const { Sessions } = require('./session')

/** The sessions of this process: at Supabase, in PostgreSQL, or in files. */
class SessionPool extends Sessions {
  constructor() {
    super()
    this.useLegacySupabase = process.env.USE_LEGACY_SUPABASE !== 'false'
    this.useDatabaseAuthState = process.env.USE_DATABASE_AUTH_STATE === 'true'
    this.baseAuthPath = path.resolve('baileys_sessions')
    this.authPaths = new Map()
    if (!this.useLegacySupabase && !this.useDatabaseAuthState) {
      this.ensureBaseDirectory()
    }
    logger.info('✅ WhatsApp session pool initialized')
  }

  ensureBaseDirectory() {
    fs.ensureDirSync(this.baseAuthPath)
  }

  async openAuthState(companyId) {
    if (this.useLegacySupabase) {
      logger.info(`☁️ Using legacy Supabase auth state for company ${companyId}`)
      return useSupabaseAuthState(companyId)
    }
    if (this.useDatabaseAuthState) {
      logger.info(`🗄️ Using PostgreSQL auth state for company ${companyId}`)
      return usePostgresAuthState(companyId)
    }
    logger.info(`📁 Using file auth state for company ${companyId}`)
    return this.openFileAuthState(companyId)
  }

  async openFileAuthState(companyId) {
    const { useMultiFileAuthState } = await import('@whiskeysockets/baileys')
    const directory = path.join(this.baseAuthPath, `company_${companyId}`)
    this.authPaths.set(companyId, directory)
    await fs.ensureDir(directory)
    return useMultiFileAuthState(directory)
  }
}

let pool

function getSessionPool() {
  pool ??= new SessionPool()
  return pool
}

module.exports = { SessionPool, getSessionPool }
