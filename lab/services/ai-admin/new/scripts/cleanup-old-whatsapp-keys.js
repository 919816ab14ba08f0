// Deletes keys that are over thirty days past their time.
const { once } = require('../src/utils/app')
const logger = require('../src/utils/logger')
const postgres = require('../src/database/postgres')

once('Clean-up of old WhatsApp keys', async () => {
  const { rowCount } = await postgres.query(
    "DELETE FROM whatsapp_keys WHERE expires_at < NOW() - INTERVAL '30 days'"
  )
  logger.info(`🧹 Old WhatsApp keys deleted: ${rowCount}`)
})
