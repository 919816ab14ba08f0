// Deletes keys whose time is over, for as long as the app runs that starts it.
const postgres = require('../database/postgres')
const logger = require('../utils/logger')

const EVERY_MS = 6 * 60 * 60 * 1000

async function cleanUp() {
  try {
    const { rows } = await postgres.query('SELECT cleanup_expired_whatsapp_keys() AS deleted')
    logger.info(`🧹 Expired WhatsApp keys deleted: ${rows[0].deleted}`)
  } catch (error) {
    logger.error(`❌ Clean-up of WhatsApp keys failed: ${error.message}`)
  }
}

const startExpiredKeysJob = () => setInterval(cleanUp, EVERY_MS)

module.exports = { startExpiredKeysJob, cleanUp }
