import { Connection } from './connection.js'
import { connectDatabase } from './database.js'
import { usePostgresAuthState } from './postgres-auth-state.js'
import { databaseSettings } from './settings.js'

/**
 * Which provider the flags choose.
 *
 * @throws {Error} with neither or both: a service that guessed would open the wrong identity
 */
export function chooseProvider({ legacySupabase, repositoryPattern }) {
  if (legacySupabase && repositoryPattern) {
    throw new Error(
      'Two auth state providers configured. Set only one of USE_LEGACY_SUPABASE and USE_REPOSITORY_PATTERN to true'
    )
  }
  if (legacySupabase) {
    throw new Error(
      'Supabase is not available in the lab. Set USE_REPOSITORY_PATTERN=true and USE_LEGACY_SUPABASE=false'
    )
  }
  if (!repositoryPattern) {
    throw new Error(
      'No auth state provider configured. Set USE_LEGACY_SUPABASE=true or USE_REPOSITORY_PATTERN=true'
    )
  }
  return 'postgres'
}

/** The sessions of all companies, over one pool of database connections. */
export class SessionPool {
  #settings
  #loggers
  #database
  #companies = new Map()

  constructor(settings, loggers) {
    this.#settings = settings
    this.#loggers = loggers
  }

  async initialise() {
    const { announce, log } = this.#loggers
    chooseProvider(this.#settings)
    announce.info('Auth state provider: PostgreSQL')
    const settings = databaseSettings()
    announce.info(
      `Session pool initialised (companies: ${this.#settings.companies.join(', ') || 'none'})`
    )
    this.#database = await connectDatabase(settings, log)
    announce.info(`Connected to PostgreSQL ${settings.host}:${settings.port}/${settings.database}`)
    for (const companyId of this.#settings.companies) {
      await this.#openCompany(companyId)
    }
  }

  async #openCompany(companyId) {
    const { announce } = this.#loggers
    const auth = await usePostgresAuthState(this.#database, companyId)
    announce.info(
      auth.credentialsFound
        ? `Credentials loaded for company ${companyId}`
        : `No credentials for company ${companyId}: waiting for pairing`
    )
    announce.info(`Keys loaded for company ${companyId}: ${await auth.loadKeys()}`)
    const connection = new Connection(companyId, auth, {
      loggers: this.#loggers,
      echo: this.#settings.messageEcho
    })
    connection.open()
    this.#companies.set(companyId, { auth, connection })
  }

  async report() {
    const companies = {}
    for (const [companyId, { auth, connection }] of this.#companies) {
      const keysByType = await auth.countKeys()
      companies[companyId] = {
        provider: 'postgres',
        credentials: Boolean(auth.state.creds.me?.id),
        registered: auth.state.creds.registered,
        keys: Object.values(keysByType).reduce((sum, n) => sum + n, 0),
        keysByType,
        connection: connection.status
      }
    }
    return { provider: 'postgres', companies }
  }

  async end() {
    for (const { connection } of this.#companies.values()) {
      await connection.end()
    }
    await this.#database?.end()
  }
}
