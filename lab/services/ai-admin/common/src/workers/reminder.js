const { everySeconds } = require('../utils/app')
require('../config/database-flags').assertDataLayer()
const bookings = require('../repositories/bookings')
const service = require('../integrations/whatsapp/service-client')

everySeconds(300, 'Reminder', async () => {
  for (const { id, service: what, phone } of await bookings.due(2)) {
    const { success } = await service.send(phone, `Your ${what} is in two hours`)
    if (success) {
      await bookings.reminded(id)
    }
  }
})
