import makeWASocket, { DisconnectReason } from '@whiskeysockets/baileys'

// There is no WhatsApp in the lab: a loopback port that nothing listens on, so that no packet
// leaves the host.
const WHATSAPP_URL = 'ws://127.0.0.1:9/'
const FIRST_RETRY_MS = 5_000
const LAST_RETRY_MS = 60_000
// Another process uses the same credentials, or the phone ended the pairing: trying again would
// fight with the first and can't help against the second.
const FINAL = new Set([DisconnectReason.connectionReplaced, DisconnectReason.loggedOut])

/** One company's WhatsApp connection: one socket at a time, opened again after a growing pause. */
export class Connection {
  #companyId
  #auth
  #loggers
  #echo
  #socket
  #timer
  #ended = false
  #pause = FIRST_RETRY_MS
  status = 'connecting'

  constructor(companyId, auth, { loggers, echo }) {
    this.#companyId = companyId
    this.#auth = auth
    this.#loggers = loggers
    this.#echo = echo
  }

  open() {
    const socket = makeWASocket({
      auth: this.#auth.state,
      logger: this.#loggers.log.child({ company: this.#companyId }),
      waWebSocketUrl: WHATSAPP_URL,
      markOnlineOnConnect: false
    })
    this.#socket = socket
    socket.ev.on('creds.update', () => this.#save())
    socket.ev.on('connection.update', update => this.#follow(update))
    if (this.#echo) {
      socket.ev.on('messages.upsert', ({ messages }) => this.#reply(messages))
    }
  }

  /** Close the socket and wait for writes under way. Never `logout`: that destroys the pairing. */
  async end() {
    this.#ended = true
    clearTimeout(this.#timer)
    await this.#socket?.end(undefined)
    await this.#auth.settled()
  }

  #save() {
    this.#auth.saveCreds().catch(error => {
      this.#loggers.log.error(
        `Credentials of company ${this.#companyId} were not saved: ${error.message}`
      )
    })
  }

  #follow({ connection, lastDisconnect, qr }) {
    if (qr) {
      this.#loggers.announce.info(`Pairing code ready for company ${this.#companyId}`)
    }
    if (connection === 'open') {
      this.#pause = FIRST_RETRY_MS
      this.#become('open', `WhatsApp connected for company ${this.#companyId}`)
    } else if (connection === 'close' && !this.#ended) {
      this.#reopen(lastDisconnect?.error)
    }
  }

  #reopen(error) {
    const reason = error?.message || 'connection closed'
    this.#become('offline', `WhatsApp offline for company ${this.#companyId}: ${reason}`)
    if (FINAL.has(error?.output?.statusCode)) {
      this.#loggers.log.error(`Company ${this.#companyId} stays offline: ${reason}`)
      return
    }
    this.#timer = setTimeout(() => this.open(), this.#pause)
    this.#pause = Math.min(this.#pause * 2, LAST_RETRY_MS)
  }

  /** A change of status is announced, the tenth failed attempt is not. */
  #become(status, line) {
    if (this.status !== status) {
      this.status = status
      this.#loggers.announce.info(line)
    }
  }

  async #reply(messages) {
    for (const { key, message } of messages) {
      const text = message?.conversation ?? message?.extendedTextMessage?.text
      if (text && !key.fromMe) {
        await this.#socket.sendMessage(key.remoteJid, { text })
      }
    }
  }
}
