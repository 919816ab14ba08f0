// The server's side of WhatsApp's handshake (Noise XX), made of what the library uses on the other side.
import { baileys } from './release.mjs'

const { aesDecryptGCM, aesEncryptGCM, Curve, hkdf, NOISE_MODE, NOISE_WA_HEADER, proto, sha256 } = baileys
const { HandshakeMessage, ClientPayload, CertChain } = proto
const NOTHING = Buffer.alloc(0)

/** @param {{private: Buffer, public: Buffer}} authority whose public key clients trust */
export class Noise {
  #authority
  #hash = Buffer.from(NOISE_MODE)
  #salt = this.#hash
  #key = this.#hash
  #counter = 0
  #ephemeral = Curve.generateKeyPair()
  #transport

  constructor(authority) {
    this.#authority = authority
    this.#authenticate(NOISE_WA_HEADER)
  }

  /** The answer to a client's first frame. */
  hello(frame) {
    const { ephemeral } = HandshakeMessage.decode(frame).clientHello
    const identity = Curve.generateKeyPair()
    this.#authenticate(ephemeral)
    this.#authenticate(this.#ephemeral.public)
    this.#mix(Curve.sharedKey(this.#ephemeral.private, ephemeral))
    const own = this.#encrypt(identity.public)
    this.#mix(Curve.sharedKey(identity.private, ephemeral))
    const payload = this.#encrypt(certificates(this.#authority, identity.public))
    return HandshakeMessage.encode({
      serverHello: { ephemeral: this.#ephemeral.public, static: own, payload }
    }).finish()
  }

  /** Its second frame: who it is. From here on all frames are nodes. */
  finish(frame) {
    const { static: theirs, payload } = HandshakeMessage.decode(frame).clientFinish
    this.#mix(Curve.sharedKey(this.#ephemeral.private, this.#decrypt(theirs)))
    const client = ClientPayload.decode(this.#decrypt(payload))
    const [read, write] = this.#derive(NOTHING)
    this.#transport = { read, write, received: 0, sent: 0 }
    return client
  }

  seal(bytes) {
    return aesEncryptGCM(bytes, this.#transport.write, iv(this.#transport.sent++), NOTHING)
  }

  open(frame) {
    return aesDecryptGCM(frame, this.#transport.read, iv(this.#transport.received++), NOTHING)
  }

  #authenticate(bytes) {
    this.#hash = sha256(Buffer.concat([this.#hash, bytes]))
  }

  #derive(bytes) {
    const keys = hkdf(bytes, 64, { salt: this.#salt, info: '' })
    return [keys.subarray(0, 32), keys.subarray(32)]
  }

  #mix(secret) {
    ;[this.#salt, this.#key] = this.#derive(secret)
    this.#counter = 0
  }

  #encrypt(bytes) {
    const sealed = aesEncryptGCM(bytes, this.#key, iv(this.#counter++), this.#hash)
    this.#authenticate(sealed)
    return sealed
  }

  #decrypt(sealed) {
    const bytes = aesDecryptGCM(sealed, this.#key, iv(this.#counter++), this.#hash)
    this.#authenticate(sealed)
    return bytes
  }
}

function iv(counter) {
  const bytes = Buffer.alloc(12)
  bytes.writeUInt32BE(counter, 8)
  return bytes
}

function certificates(authority, key) {
  const between = Curve.generateKeyPair()
  const signed = (signer, details) => {
    const bytes = CertChain.NoiseCertificate.Details.encode(details).finish()
    return { details: bytes, signature: Curve.sign(signer.private, bytes) }
  }
  return CertChain.encode({
    intermediate: signed(authority, { serial: 1, issuerSerial: 0, key: between.public }),
    leaf: signed(between, { serial: 2, issuerSerial: 1, key })
  }).finish()
}
