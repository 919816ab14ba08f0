const { everySeconds } = require('../utils/app')
const logger = require('../utils/logger')
const service = require('../integrations/whatsapp/service-client')

everySeconds(30, 'WhatsApp health monitor', async () => {
  const { status, companyId } = await service.health()
  logger[status === 'connected' ? 'info' : 'warn'](`🩺 WhatsApp of company ${companyId}: ${status}`)
})
