import fs from 'node:fs/promises'
import path from 'node:path'
import { useMultiFileAuthState } from '@whiskeysockets/baileys'
import { Connection } from './connection.js'
import { connectDatabase } from './database.js'
import { usePostgresAuthState } from './postgres-auth-state.js'
import { databaseSettings } from './settings.js'

const KEY_TYPES = [
  'app-state-sync-version',
  'app-state-sync-key',
  'sender-key-memory',
  'sender-key',
  'identity-key',
  'device-list',
  'lid-mapping',
  'pre-key',
  'session',
  'tctoken'
]

/** Which provider the flags choose: files, unless one of the others is switched on. */
export function chooseProvider({ legacySupabase, repositoryPattern }) {
  if (legacySupabase) {
    throw new Error('Supabase is not available in the lab. Set USE_LEGACY_SUPABASE=false')
  }
  return repositoryPattern ? 'postgres' : 'files'
}

/** The sessions of all companies: in PostgreSQL, or a directory of files each. */
export class SessionPool {
  #settings
  #loggers
  #provider
  #database
  #companies = new Map()

  constructor(settings, loggers) {
    this.#settings = settings
    this.#loggers = loggers
    this.baseAuthPath = path.resolve('baileys_sessions')
    this.authPaths = new Map()
  }

  async initialise() {
    const { announce } = this.#loggers
    this.#provider = chooseProvider(this.#settings)
    announce.info(`Auth state provider: ${this.#provider === 'files' ? 'files' : 'PostgreSQL'}`)
    announce.info(
      `Session pool initialised (companies: ${this.#settings.companies.join(', ') || 'none'})`
    )
    await (this.#provider === 'files' ? this.ensureBaseDirectory() : this.#connect())
    for (const companyId of this.#settings.companies) {
      await this.#openCompany(companyId)
    }
  }

  async ensureBaseDirectory() {
    await fs.mkdir(this.baseAuthPath, { recursive: true })
    this.#loggers.announce.info(`Session files in ${this.baseAuthPath}`)
  }

  async #connect() {
    const settings = databaseSettings()
    this.#database = await connectDatabase(settings, this.#loggers.log)
    this.#loggers.announce.info(
      `Connected to PostgreSQL ${settings.host}:${settings.port}/${settings.database}`
    )
  }

  /** A company's state in `baileys_sessions/company_<id>/`. */
  async openFileAuthState(companyId) {
    const directory = path.join(this.baseAuthPath, `company_${companyId}`)
    this.authPaths.set(companyId, directory)
    const { state, saveCreds } = await useMultiFileAuthState(directory)
    const countKeys = () => countFiles(directory)
    return {
      state,
      saveCreds,
      credentialsFound: Boolean(state.creds.me?.id),
      countKeys,
      loadKeys: async () => total(await countKeys()),
      settled: async () => {}
    }
  }

  async #openCompany(companyId) {
    const { announce } = this.#loggers
    const auth = await (this.#provider === 'files'
      ? this.openFileAuthState(companyId)
      : usePostgresAuthState(this.#database, companyId))
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
        provider: this.#provider,
        credentials: Boolean(auth.state.creds.me?.id),
        registered: auth.state.creds.registered,
        keys: total(keysByType),
        keysByType,
        connection: connection.status
      }
    }
    return { provider: this.#provider, companies }
  }

  async end() {
    for (const { connection } of this.#companies.values()) {
      await connection.end()
    }
    await this.#database?.end()
  }
}

const total = counts => Object.values(counts).reduce((sum, n) => sum + n, 0)

async function countFiles(directory) {
  const counts = {}
  for (const name of await fs.readdir(directory)) {
    const type = KEY_TYPES.find(known => name.startsWith(`${known}-`) && name.endsWith('.json'))
    if (type) {
      counts[type] = (counts[type] ?? 0) + 1
    }
  }
  return counts
}
