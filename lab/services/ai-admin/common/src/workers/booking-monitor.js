const { everySeconds } = require('../utils/app')
require('../config/database-flags').assertDataLayer()
const logger = require('../utils/logger')
const bookings = require('../repositories/bookings')

everySeconds(60, 'Booking monitor', async () => {
  const { n } = await bookings.upcoming()
  logger.info(`📅 ${n} upcoming bookings`)
})
