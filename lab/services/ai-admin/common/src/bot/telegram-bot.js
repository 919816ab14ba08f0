// The operators' bot. Usage: telegram-bot.js --mode polling --channel CHANNEL
const { parseArgs } = require('util')
const { everySeconds } = require('../utils/app')
const logger = require('../utils/logger')

const { values } = parseArgs({ options: { mode: { type: 'string' }, channel: { type: 'string' } } })
if (values.mode !== 'polling' || !values.channel) {
  throw new Error('Usage: telegram-bot.js --mode polling --channel CHANNEL')
}
everySeconds(30, `Bot of channel ${values.channel}`, async () => logger.debug('🤖 No updates'))
