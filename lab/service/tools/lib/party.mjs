// Signal parties: what Baileys makes of an identity and a key store, without a socket.
import { randomBytes } from 'node:crypto'
import { baileys, pino } from './release.mjs'

const { addTransactionCapability, Curve, DEFAULT_CONNECTION_CONFIG, generateSignalPubKey } = baileys

// libsignal prints whole sessions, keys included, whenever it closes one.
console.info = () => {}

const logger = pino({ level: 'silent' })

/**
 * Baileys' own Signal repository over an identity and its keys; it encrypts and decrypts.
 *
 * @param {{creds: object, keys: object}} state as Baileys' authentication states have it
 */
export function openParty({ creds, keys }) {
  const transactional = keys.transaction
    ? keys
    : addTransactionCapability(keys, logger, { maxCommitRetries: 1, delayBetweenTriesMs: 0 })
  return DEFAULT_CONNECTION_CONFIG.makeSignalRepository({ creds, keys: transactional }, logger)
}

/** A made-up contact: identity, one pre-key, and keys that live in memory only. */
export function createContact(jid) {
  const creds = {
    registrationId: 1 + (randomBytes(2).readUInt16BE() % 16380),
    signedIdentityKey: Curve.generateKeyPair(),
    // The signature is random: libsignal 6.0.0 does not verify it when it starts a session.
    signedPreKey: { keyId: 1, keyPair: Curve.generateKeyPair(), signature: randomBytes(64) }
  }
  const data = { 'pre-key': { 1: Curve.generateKeyPair() } }
  return { jid, creds, data, repository: openParty({ creds, keys: memoryKeys(data) }) }
}

/**
 * A key store over a plain object `{type: {id: value}}`, which it changes.
 *
 * It brings its own transactions: Baileys' keep an AsyncLocalStorage each, and with a thousand
 * contacts every promise visits all of them (90 s instead of a few).
 */
export function memoryKeys(data) {
  return {
    transaction: work => work(),
    isInTransaction: () => false,
    get: async (type, ids) =>
      Object.fromEntries(ids.filter(id => data[type]?.[id]).map(id => [id, data[type][id]])),
    set: async changes => {
      for (const [type, values] of Object.entries(changes)) {
        data[type] = Object.fromEntries(
          Object.entries({ ...data[type], ...values }).filter(([, value]) => value)
        )
      }
    }
  }
}

/** What a stranger gets from the server to start a session with this identity. */
export function bundle(creds, preKeyId, preKey) {
  return {
    registrationId: creds.registrationId,
    identityKey: generateSignalPubKey(creds.signedIdentityKey.public),
    signedPreKey: {
      keyId: creds.signedPreKey.keyId,
      publicKey: generateSignalPubKey(creds.signedPreKey.keyPair.public),
      signature: creds.signedPreKey.signature
    },
    preKey: { keyId: preKeyId, publicKey: generateSignalPubKey(preKey.public) }
  }
}

/** Send a text from one repository to another; both ratchets move. Throws if it does not arrive. */
export async function send(from, to, fromJid, toJid, text) {
  const { type, ciphertext } = await from.encryptMessage({ jid: toJid, data: Buffer.from(text) })
  const plain = await to.decryptMessage({ jid: fromJid, type, ciphertext })
  if (Buffer.from(plain).toString() !== text) {
    throw new Error(`${toJid} read something else than ${fromJid} wrote`)
  }
}
