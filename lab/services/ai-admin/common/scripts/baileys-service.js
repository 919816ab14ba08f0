#!/usr/bin/env node
// Keeps one company's WhatsApp session open, and sends for the other apps.
const http = require('http')
const logger = require('../src/utils/logger')
require('dotenv').config()
const { getSessionPool } = require('../src/integrations/whatsapp/session-pool')

const companyId = process.env.COMPANY_ID || '1001'
const port = Number(process.env.BAILEYS_PORT || 3003)

function health(pool) {
  const session = pool.getSession(companyId)
  const user = session?.user
  return {
    service: 'baileys-whatsapp',
    companyId,
    status: session ? (user ? 'connected' : 'disconnected') : 'not_initialized',
    connected: Boolean(user),
    user: user?.name ?? null,
    phoneNumber: user ? user.id.split(/[:@]/)[0] : null,
    hasQR: pool.qrCodes.has(companyId),
    hasPairingCode: pool.pairingCodes.has(companyId),
    metrics: pool.getMetrics()
  }
}

const POSTS = {
  '/send': (pool, { phone, message }) => pool.sendMessage(companyId, phone, { text: message }),
  '/send-reaction': (pool, { phone, messageId, emoji }) =>
    pool.sendMessage(companyId, phone, {
      react: { text: emoji, key: { id: messageId, remoteJid: pool.jid(phone) } }
    })
}

async function bodyOf(request) {
  let text = ''
  for await (const part of request) {
    text += part
  }
  return JSON.parse(text || '{}')
}

async function answer(pool, request) {
  if (request.method === 'GET' && request.url === '/health') {
    return [200, health(pool)]
  }
  const post = request.method === 'POST' && POSTS[request.url]
  if (!post) {
    return [404, { error: 'Not found' }]
  }
  try {
    return [200, { success: true, ...(await post(pool, await bodyOf(request))) }]
  } catch (error) {
    logger.error(`❌ ${request.url} failed: ${error.message}`)
    return [500, { success: false, error: error.message }]
  }
}

async function main() {
  logger.info(`🚀 Starting Baileys WhatsApp service for company ${companyId}`)
  const pool = getSessionPool()
  await pool.createSession(companyId)
  const server = http.createServer(async (request, response) => {
    const [code, body] = await answer(pool, request)
    response.writeHead(code, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  })
  server.listen(port, () => logger.info(`📡 Baileys service listening on port ${port}`))
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, async () => {
      logger.info(`🛑 ${signal}: shutting down`)
      server.close()
      await pool.shutdown()
      process.exit(0)
    })
  }
}

main().catch(error => {
  logger.error(`❌ Failed to start: ${error.message}`)
  process.exit(1)
})
