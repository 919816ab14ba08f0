// Stands in for WhatsApp: accounts of the lab log in, one connection each, whoever has no account is
// offered one to scan, and what lies in the mail is delivered. Run it in a release's directory.
// Usage: node whatsapp.mjs ADDRESS PORT STATE_DIRECTORY
// There: `key.pub`, the public key (hexadecimal) that clients have to trust, and `mail/`, where a
// message is a file as `conversation.mjs peer-sends` writes it; it becomes NAME.sent.
import fs from 'node:fs'
import path from 'node:path'
import { Noise } from './noise.mjs'
import { baileys, WebSocketServer } from './release.mjs'

const { BufferJSON, Curve, decodeBinaryNode, encodeBinaryNode } = baileys
const SERVER = 's.whatsapp.net'
// More than the library wants to see there: it uploads none.
const PRE_KEYS = '600'
const ANSWERS = {
  'encrypt count': () => ({ tag: 'count', attrs: { value: PRE_KEYS } }),
  'encrypt digest': () => ({ tag: 'digest', attrs: {} })
}

const MAIL_MS = 300
const [address, port, place] = process.argv.slice(2)
const mail = path.join(place, 'mail')
const authority = loadAuthority(path.join(place, 'key'))
const online = new Map()

function loadAuthority(file) {
  if (!fs.existsSync(file)) {
    fs.writeFileSync(file, JSON.stringify(Curve.generateKeyPair(), BufferJSON.replacer), { mode: 0o600 })
  }
  const pair = JSON.parse(fs.readFileSync(file, 'utf8'), BufferJSON.reviver)
  fs.writeFileSync(`${file}.pub`, pair.public.toString('hex'))
  return pair
}

/** As the lab makes accounts up: +1 555 010 nnnn has the LID 2000000 (nnnn + 1). */
const lidOf = (phone, device) =>
  `2000000${String(Number(phone.slice(-4)) + 1).padStart(8, '0')}:${device}@lid`

const now = () => String(Math.floor(Date.now() / 1000))

class Client {
  #socket
  #noise = new Noise(authority)
  #bytes = Buffer.alloc(0)
  #step = 'intro'

  constructor(socket) {
    this.#socket = socket
    // One frame after the other: nodes are decoded asynchronously.
    let last = Promise.resolve()
    socket.on('message', data => {
      last = last.then(() => this.#receive(data)).catch(error => {
        console.error(error.message)
        socket.terminate()
      })
    })
    socket.on('close', () => {
      if (online.get(this.account) === this) {
        online.delete(this.account)
        console.log(`${this.account} is offline`)
      }
    })
    socket.on('error', () => {})
  }

  async #receive(data) {
    this.#bytes = Buffer.concat([this.#bytes, data])
    if (this.#step === 'intro') {
      this.#skipIntro()
    }
    while (this.#bytes.length >= 3) {
      const end = 3 + this.#bytes.readUIntBE(0, 3)
      if (this.#bytes.length < end) {
        return
      }
      const frame = this.#bytes.subarray(3, end)
      this.#bytes = this.#bytes.subarray(end)
      await this.#take(frame)
    }
  }

  /** Where to route it, if it was told to say so, and the protocol's version. */
  #skipIntro() {
    const routed = this.#bytes.toString('latin1', 0, 2) === 'ED'
    this.#bytes = this.#bytes.subarray((routed ? 7 + this.#bytes.readUIntBE(4, 3) : 0) + 4)
    this.#step = 'hello'
  }

  async #take(frame) {
    if (this.#step === 'hello') {
      this.#write(this.#noise.hello(frame))
      this.#step = 'finish'
    } else if (this.#step === 'finish') {
      this.#step = 'nodes'
      this.#logIn(this.#noise.finish(frame))
    } else {
      this.#answer(await decodeBinaryNode(this.#noise.open(frame)))
    }
  }

  #logIn({ username, device }) {
    if (!username) {
      this.#offerPairing()
      return
    }
    const phone = String(username)
    this.account = lidOf(phone, device)
    online.get(this.account)?.replaced()
    online.set(this.account, this)
    console.log(`${this.account} is online`)
    this.#send({ tag: 'success', attrs: { t: now(), lid: this.account } })
    this.#send({ tag: 'ib', attrs: {}, content: [{ tag: 'offline', attrs: { count: '0' } }] })
  }

  #offerPairing() {
    console.log('somebody without an account')
    const refs = Array.from({ length: 6 }, (_, i) => ({ tag: 'ref', attrs: {}, content: `ref-${i}` }))
    const content = [{ tag: 'pair-device', attrs: {}, content: refs }]
    this.#send({ tag: 'iq', attrs: { from: SERVER, type: 'set', id: 'pair', xmlns: 'md' }, content })
  }

  deliver(id, { from, type, ciphertext }) {
    const enc = { tag: 'enc', attrs: { v: '2', type }, content: Buffer.from(ciphertext, 'base64') }
    const attrs = { from, type: 'text', id, t: now(), notify: 'peer' }
    this.#send({ tag: 'message', attrs, content: [enc] })
  }

  /** Another connection has the same credentials. */
  replaced() {
    const content = [{ tag: 'conflict', attrs: { type: 'replaced' } }]
    this.#send({ tag: 'stream:error', attrs: { code: '440' }, content })
    this.#socket.close()
  }

  #answer({ tag, attrs, content }) {
    if (tag === 'iq' && (attrs.type === 'get' || attrs.type === 'set')) {
      const asked = Array.isArray(content) ? content[0]?.tag : ''
      const answer = ANSWERS[`${attrs.xmlns} ${asked}`]?.()
      const result = { from: attrs.to ?? SERVER, type: 'result', id: attrs.id }
      this.#send({ tag: 'iq', attrs: result, ...(answer && { content: [answer] }) })
    }
  }

  #send(node) {
    this.#write(this.#noise.seal(encodeBinaryNode(node)))
  }

  #write(bytes) {
    const length = Buffer.alloc(3)
    length.writeUIntBE(bytes.length, 0, 3)
    this.#socket.send(Buffer.concat([length, bytes]))
  }
}

function deliverMail() {
  for (const name of fs.readdirSync(mail).filter(name => name.endsWith('.json'))) {
    const file = path.join(mail, name)
    const message = JSON.parse(fs.readFileSync(file, 'utf8'))
    const client = online.get(message.to)
    if (client) {
      client.deliver(path.basename(name, '.json'), message)
      fs.renameSync(file, `${file}.sent`)
    }
  }
}

fs.mkdirSync(mail, { recursive: true })
setInterval(deliverMail, MAIL_MS)
new WebSocketServer({ host: address, port: Number(port) }).on('connection', it => new Client(it))
console.log(`WhatsApp of the lab on ${address}:${port}`)
