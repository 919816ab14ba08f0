const fs = require('fs')
const path = require('path')
const logger = require('../../utils/logger')

// Where the lab's own WhatsApp is, and the key that it is known by. Without them nothing listens
// there, so that no packet leaves a host of the lab.
const WHATSAPP_URL = process.env.LAB_WHATSAPP_URL || 'ws://127.0.0.1:9/'
const WHATSAPP_KEY = process.env.LAB_WHATSAPP_KEY
const MAX_RECONNECTS = 5
const RECONNECT_MS = 5_000
const LOGGED_OUT = 401
// What Baileys itself logs.
const BAILEYS_LEVEL = 'silent'

/** Sessions by company: a socket each, opened again when it closes. Where they are kept: subclass. */
class Sessions {
  constructor() {
    this.sessions = new Map()
    this.qrCodes = new Map()
    this.pairingCodes = new Map()
    this.reconnects = new Map()
    this.timers = new Map()
    this.stopping = false
    this.metrics = { created: 0, reconnects: 0, errors: 0, sent: 0, received: 0, qrCodes: 0 }
  }

  getSession(companyId) {
    return this.sessions.get(companyId)
  }

  getMetrics() {
    return { ...this.metrics, active: this.sessions.size, uptime: Math.round(process.uptime()) }
  }

  jid(phone) {
    return phone.includes('@') ? phone : `${phone.replace(/\D/g, '')}@s.whatsapp.net`
  }

  async createSession(companyId) {
    const { default: makeWASocket, WA_CERT_DETAILS } = await import('@whiskeysockets/baileys')
    if (WHATSAPP_KEY) {
      WA_CERT_DETAILS.PUBLIC_KEY.set(Buffer.from(WHATSAPP_KEY, 'hex'))
    }
    const { default: pino } = await import('pino')
    const { state, saveCreds } = await this.openAuthState(companyId)
    const socket = makeWASocket({
      auth: state,
      logger: pino({ level: BAILEYS_LEVEL }),
      waWebSocketUrl: WHATSAPP_URL,
      markOnlineOnConnect: false
    })
    socket.ev.on('creds.update', () =>
      saveCreds().catch(error =>
        logger.error(`❌ Failed to save credentials of company ${companyId}: ${error.message}`)
      )
    )
    socket.ev.on('connection.update', update => this.follow(companyId, socket, update))
    socket.ev.on('messages.upsert', ({ messages }) => this.receive(companyId, messages))
    this.sessions.set(companyId, socket)
    this.metrics.created += 1
    return socket
  }

  async follow(companyId, socket, { connection, lastDisconnect, qr }) {
    if (qr) {
      await this.offerPairing(companyId, socket, qr)
    }
    if (connection === 'open') {
      this.reconnects.delete(companyId)
      this.qrCodes.delete(companyId)
      this.pairingCodes.delete(companyId)
      logger.info(`✅ WhatsApp connected for company ${companyId}`)
    } else if (connection === 'close' && !this.stopping) {
      this.reconnect(companyId, lastDisconnect?.error)
    }
  }

  async offerPairing(companyId, socket, qr) {
    if (process.env.USE_PAIRING_CODE === 'true' && !this.pairingCodes.has(companyId)) {
      const code = await socket.requestPairingCode(process.env.WHATSAPP_PHONE_NUMBER)
      this.pairingCodes.set(companyId, code)
      logger.info(`🔢 Pairing code for company ${companyId}: ${code}`)
      return
    }
    this.qrCodes.set(companyId, qr)
    this.metrics.qrCodes += 1
    fs.writeFileSync(path.resolve(`qr_${companyId}.txt`), qr)
    logger.info(`📱 QR code for company ${companyId} saved`)
  }

  reconnect(companyId, error) {
    const tries = (this.reconnects.get(companyId) ?? 0) + 1
    this.reconnects.set(companyId, tries)
    this.metrics.errors += 1
    logger.warn(`⚠️ WhatsApp disconnected for company ${companyId}: ${error?.message}`)
    if (error?.output?.statusCode === LOGGED_OUT || tries > MAX_RECONNECTS) {
      logger.error(`❌ Session of company ${companyId} dropped after ${tries - 1} tries`)
      this.sessions.delete(companyId)
      return
    }
    this.metrics.reconnects += 1
    logger.info(`🔄 Reconnecting company ${companyId} (${tries}/${MAX_RECONNECTS})`)
    const retry = () => this.createSession(companyId).catch(again => this.reconnect(companyId, again))
    this.timers.set(companyId, setTimeout(retry, RECONNECT_MS * tries))
  }

  receive(companyId, messages) {
    for (const { key, message } of messages) {
      const text = message?.conversation ?? message?.extendedTextMessage?.text
      if (text && !key.fromMe) {
        this.metrics.received += 1
        logger.info(`📨 Message for company ${companyId} from ${key.remoteJid}: ${text}`)
      }
    }
  }

  async sendMessage(companyId, phone, content) {
    const socket = this.sessions.get(companyId)
    if (!socket?.user) {
      throw new Error(`WhatsApp is not connected for company ${companyId}`)
    }
    const sent = await socket.sendMessage(this.jid(phone), content)
    this.metrics.sent += 1
    logger.info(`📤 Message sent to ${phone}: ${content.text ?? content.react.text}`)
    return { messageId: sent.key.id }
  }

  async shutdown() {
    this.stopping = true
    for (const timer of this.timers.values()) {
      clearTimeout(timer)
    }
    for (const socket of this.sessions.values()) {
      await socket.end(undefined)
    }
  }
}

module.exports = { Sessions }
