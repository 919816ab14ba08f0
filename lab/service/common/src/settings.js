import { readFileSync } from 'node:fs'
import dotenv from 'dotenv'

const FLAGS = ['USE_LEGACY_SUPABASE', 'USE_REPOSITORY_PATTERN', 'LOG_LEVEL', 'MESSAGE_ECHO']
const DATABASE = {
  host: 'POSTGRES_HOST',
  port: 'POSTGRES_PORT',
  database: 'POSTGRES_DATABASE',
  user: 'POSTGRES_USER',
  password: 'POSTGRES_PASSWORD',
  ca: 'POSTGRES_SSL_CA'
}

/**
 * The service's settings: `.env` of the working directory, below what the process manager exported
 * (dotenv never overrides a variable that is there already).
 */
export function loadSettings() {
  dotenv.config()
  const env = process.env
  return {
    // What this process sees, word for word: the status endpoint shows it, so that an operator can
    // compare it with what was declared.
    flags: Object.fromEntries(FLAGS.map(name => [name, env[name] ?? null])),
    legacySupabase: env.USE_LEGACY_SUPABASE === 'true',
    repositoryPattern: env.USE_REPOSITORY_PATTERN === 'true',
    messageEcho: env.MESSAGE_ECHO === 'true',
    logLevel: env.LOG_LEVEL || 'info',
    statusPort: Number(env.STATUS_PORT || 3010),
    companies: (env.COMPANIES ?? '')
      .split(',')
      .map(id => id.trim())
      .filter(Boolean)
  }
}

/**
 * The database's settings, complete or not at all: TLS is verified against POSTGRES_SSL_CA, always.
 *
 * @throws {Error} naming every variable that is missing
 */
export function databaseSettings(env = process.env) {
  const missing = Object.values(DATABASE).filter(name => !env[name])
  if (missing.length > 0) {
    throw new Error(`PostgreSQL is not configured. Set ${missing.join(', ')} in .env`)
  }
  const settings = Object.fromEntries(
    Object.entries(DATABASE).map(([key, name]) => [key, env[name]])
  )
  return { ...settings, port: Number(settings.port), ca: readAuthority(settings.ca) }
}

function readAuthority(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new Error(`POSTGRES_SSL_CA cannot be read: ${error.message}`)
  }
}
