// The API of the assistant.
const http = require('http')
const logger = require('./utils/logger')
require('dotenv').config()
require('./config/database-flags').assertDataLayer()
const { startExpiredKeysJob } = require('./jobs/expired-keys')
const whatsapp = require('./api/routes/whatsapp')

const port = Number(process.env.API_PORT || 3000)
const routes = {
  'GET /health': async () => ({ service: 'ai-admin-api', uptime: process.uptime() }),
  ...whatsapp.routes
}

const server = http.createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost')
  const route = routes[`${request.method} ${pathname}`]
  let code = route ? 200 : 404
  let body = { error: 'Not found' }
  try {
    body = route ? await route(searchParams) : body
  } catch (error) {
    logger.error(`❌ ${pathname}: ${error.message}`)
    code = 500
    body = { error: error.message }
  }
  response.writeHead(code, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
})

server.listen(port, () => logger.info(`🚀 AI Admin API on port ${port}`))
startExpiredKeysJob()
