// Answers messages; it shares the session pool's code with the service that holds the session.
const { everySeconds } = require('../utils/app')
require('../config/database-flags').assertDataLayer()
const logger = require('../utils/logger')
const { getSessionPool } = require('../integrations/whatsapp/session-pool')
const bookings = require('../repositories/bookings')

everySeconds(60, 'Message worker', async () => {
  const { n } = await bookings.upcoming()
  logger.debug(`📋 ${n} upcoming bookings, ${getSessionPool().getMetrics().active} sessions here`)
})
