// Once: how many keys of which type there are.
const { once } = require('../utils/app')
const logger = require('../utils/logger')
const sessions = require('../repositories/sessions')

once('Key statistics', async () => {
  for (const { key_type: type, total, expired } of await sessions.statistics(process.env.COMPANY_ID)) {
    logger.info(`📊 ${type}: ${total} keys, ${expired} expired`)
  }
})
