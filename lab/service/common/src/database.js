import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

const PATIENCE_MS = 60_000
const RETRY_MS = 2_000
// After a power cut the service may be up before the database: worth waiting for. Anything else
// (wrong password, certificate that does not verify) will not mend itself.
const NOT_UP_YET = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'EAI_AGAIN',
  '57P03'
])

/**
 * A pool of verified connections to PostgreSQL (what libpq calls sslmode=verify-full).
 *
 * @param {{host: string, port: number, database: string, user: string, password: string, ca: string}} settings
 * @throws {Error} when the database is not there within a minute, or refuses
 */
export async function connectDatabase({ ca, ...settings }, log) {
  // `host` again under ssl: without it Node.js verifies an IP address against "localhost".
  const pool = new pg.Pool({
    ...settings,
    ssl: { ca, rejectUnauthorized: true, host: settings.host },
    max: 8,
    connectionTimeoutMillis: 10_000
  })
  pool.on('error', error =>
    log.error({ code: error.code }, `PostgreSQL connection lost: ${error.message}`)
  )
  try {
    await answer(pool, log)
  } catch (error) {
    await pool.end()
    const where = `${settings.host}:${settings.port}/${settings.database}`
    throw new Error(`Cannot connect to PostgreSQL ${where}: ${error.message || error.code}`)
  }
  return pool
}

async function answer(pool, log) {
  const giveUp = Date.now() + PATIENCE_MS
  for (;;) {
    try {
      return await pool.query('SELECT 1')
    } catch (error) {
      if (!NOT_UP_YET.has(error.code) || Date.now() > giveUp) {
        throw error
      }
      log.warn({ code: error.code }, 'PostgreSQL does not answer yet')
      await sleep(RETRY_MS)
    }
  }
}
