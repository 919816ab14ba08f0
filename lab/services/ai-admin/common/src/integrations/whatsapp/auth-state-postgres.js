const postgres = require('../../database/postgres')
const logger = require('../../utils/logger')
const { reviveBuffers } = require('./buffers')
const { expiresAt } = require('./expiry')

const BATCH = 100
const READ_CREDS = 'SELECT creds FROM whatsapp_auth WHERE company_id = $1'
const WRITE_CREDS = `INSERT INTO whatsapp_auth (company_id, creds) VALUES ($1, $2)
  ON CONFLICT (company_id) DO UPDATE SET creds = EXCLUDED.creds, updated_at = NOW()`
const READ_KEYS =
  'SELECT key_id, value FROM whatsapp_keys WHERE company_id = $1 AND key_type = $2 AND key_id = ANY($3)'
const DELETE_KEY =
  'DELETE FROM whatsapp_keys WHERE company_id = $1 AND key_type = $2 AND key_id = $3'

/**
 * Credentials and keys of a company in PostgreSQL, instead of useMultiFileAuthState.
 *
 * @param {string} companyId
 * @param {{load: Function, save: Function}} [cache] credentials for the time of an outage
 */
async function usePostgresAuthState(companyId, cache) {
  const { initAuthCreds } = await import('@whiskeysockets/baileys')
  logger.info(`🔐 Initializing PostgreSQL auth state for company ${companyId}`)
  const saveCreds = async () => {
    await postgres.query(WRITE_CREDS, [companyId, JSON.stringify(creds)])
    await cache?.save(companyId, creds)
  }
  const found = await readCreds(companyId, cache)
  const creds = found ?? initAuthCreds()
  if (found) {
    logger.info(`✅ Credentials loaded for company ${companyId}`)
  } else {
    logger.info(`🆕 No credentials found for company ${companyId}, creating new`)
    await saveCreds()
  }
  return { state: { creds, keys: keyStore(companyId) }, saveCreds }
}

async function readCreds(companyId, cache) {
  let creds
  try {
    const { rows } = await postgres.query(READ_CREDS, [companyId])
    creds = reviveBuffers(rows[0]?.creds)
  } catch (error) {
    logger.error(`❌ Failed to load credentials of company ${companyId}: ${error.message}`)
    const cached = await cache?.load(companyId)
    if (!cached) {
      throw error
    }
    logger.warn(`⚠️ Using cached credentials for company ${companyId}`)
    return cached
  }
  if (creds) {
    await cache?.save(companyId, creds)
  }
  return creds
}

function keyStore(companyId) {
  return {
    async get(type, ids) {
      try {
        const { rows } = await postgres.query(READ_KEYS, [companyId, type, ids])
        return Object.fromEntries(rows.map(row => [row.key_id, reviveBuffers(row.value)]))
      } catch (error) {
        logger.error(`❌ Failed to get keys ${type} of company ${companyId}: ${error.message}`)
        return {}
      }
    },
    async set(data) {
      const kept = []
      for (const [type, values] of Object.entries(data)) {
        for (const [id, value] of Object.entries(values)) {
          if (value) {
            kept.push([companyId, type, id, JSON.stringify(value), expiresAt(type)])
          } else {
            await postgres.query(DELETE_KEY, [companyId, type, id])
          }
        }
      }
      for (let i = 0; i < kept.length; i += BATCH) {
        await upsert(kept.slice(i, i + BATCH))
      }
    }
  }
}

async function upsert(rows) {
  const places = rows.map((row, i) => `(${row.map((_, j) => `$${i * row.length + j + 1}`)})`)
  await postgres.query(
    `INSERT INTO whatsapp_keys (company_id, key_type, key_id, value, expires_at) VALUES ${places}
     ON CONFLICT (company_id, key_type, key_id)
     DO UPDATE SET value = EXCLUDED.value, expires_at = EXCLUDED.expires_at, updated_at = NOW()`,
    rows.flat()
  )
}

module.exports = { usePostgresAuthState }
