// Puts messages that come in quick succession together.
const { everySeconds } = require('../utils/app')
const logger = require('../utils/logger')

everySeconds(10, 'Batch processor', async () => logger.debug('📦 No batch is waiting'))
