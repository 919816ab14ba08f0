// One account as it grows: every value is made by Baileys or libsignal where that is cheap, and
// everything is written through the authentication state it is given.
import { randomBytes } from 'node:crypto'
import * as ids from './ids.mjs'
import { bundle, createContact, openParty, send } from './party.mjs'
import { baileys } from './release.mjs'

const { Curve, generateSignalPubKey, jidDecode, proto } = baileys
const range = (from, to) => Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i)

export class Account {
  #state
  #have = {}
  #preKeys = []
  written = {}

  constructor(state) {
    this.#state = { creds: state.creds, keys: this.#recording(state.keys) }
    this.repository = openParty(this.#state)
  }

  get keys() {
    return this.#state.keys
  }

  /** Remember which ids exist: the one record of them that owes nothing to file names. */
  #recording(keys) {
    return {
      get: keys.get,
      set: async data => {
        await keys.set(data)
        for (const [type, values] of Object.entries(data)) {
          this.written[type] ??= new Set()
          for (const [id, value] of Object.entries(values)) {
            this.written[type][value ? 'add' : 'delete'](id)
          }
        }
      }
    }
  }

  /** Grow to these counts, key types as names; the sessions' owner 0 is the peer, made elsewhere. */
  async grow(counts, when) {
    await this.#growPreKeys(counts['pre-key'])
    await this.#each('session', counts, i => this.#newSession(i))
    await this.#each('identity-key', counts, i => this.#newIdentity(i))
    await this.#each('sender-key', counts, i => this.#newSenderKey(i))
    await this.#each('sender-key-memory', counts, i => this.#newSenderKeyMemory(i))
    await this.#each('app-state-sync-key', counts, i => this.#newAppStateKey(i, when))
    this.#state.creds.myAppStateKeyId = ids.appStateSyncKeyId(counts['app-state-sync-key'] - 1)
    await this.#each('device-list', counts, i => this.#newDeviceList(i))
    // Two keys a pair. After the sessions: a contact's number found its LID later.
    await this.#each(
      'lid-mapping',
      counts,
      i => i % 2 === 0 && this.repository.lidMapping.storeLIDPNMappings([ids.lidPair(i / 2)])
    )
    await this.#each('tctoken', counts, i => i > 0 && this.#newToken(i, when))
    await this.#writeTokenIndex(counts.tctoken)
    await this.#writeAppStateVersions()
  }

  /** Thirty at a time: most of the work is waiting for files. */
  async #each(type, counts, make) {
    for (let i = this.#have[type] ?? 0; i < counts[type]; i += 30) {
      await Promise.all(range(i, Math.min(i + 30, counts[type])).map(make))
    }
    this.#have[type] = counts[type]
  }

  #put(type, id, value) {
    return this.keys.set({ [type]: { [id]: value } })
  }

  /** Mint above, consume below: what is left has gaps, as after months of strangers writing. */
  async #growPreKeys(count) {
    const { creds } = this.#state
    const minted = range(
      creds.nextPreKeyId,
      creds.nextPreKeyId + Math.ceil((count - this.#preKeys.length) * 1.3)
    )
    this.#preKeys.push(...minted)
    const spare = this.#preKeys.length - count
    const consumed = new Set(this.#preKeys.filter(id => id % 13 !== 1).slice(0, spare))
    this.#preKeys = this.#preKeys.filter(id => !consumed.has(id))
    const changes = Object.fromEntries(minted.map(id => [id, Curve.generateKeyPair()]))
    await this.keys.set({
      'pre-key': { ...changes, ...Object.fromEntries([...consumed].map(id => [id, null])) }
    })
    creds.nextPreKeyId += minted.length
    creds.firstUnuploadedPreKeyId = creds.nextPreKeyId
  }

  /** A contact who changed phones a few times: closed states below the open one. */
  async #newSession(i) {
    if (i === 0) {
      return
    }
    const jid = ids.contactJid(i)
    for (let k = i % 4; k > 0; k--) {
      await this.#meet(createContact(jid))
    }
    const contact = createContact(jid)
    await this.#meet(contact)
    await this.#talk(contact, i)
  }

  async #meet(contact) {
    const { creds, data, jid } = contact
    await this.repository.injectE2ESession({ jid, session: bundle(creds, 1, data['pre-key'][1]) })
  }

  /** Some contacts never answered, some have messages under way: keys kept for those skipped. */
  async #talk(contact, i) {
    const { repository } = this
    await send(repository, contact.repository, ids.ME.lid, contact.jid, 'hello')
    if (i % 3 === 0) {
      return
    }
    for (let late = i % 66; late > 0; late--) {
      await contact.repository.encryptMessage({ jid: ids.ME.lid, data: Buffer.from('late') })
    }
    await send(contact.repository, repository, contact.jid, ids.ME.lid, 'hello back')
    await send(repository, contact.repository, ids.ME.lid, contact.jid, 'how are you?')
  }

  /** Write to some contacts again: their ratchets are ahead of every snapshot. */
  async advance() {
    for (const i of range(1, this.#have.session).filter(
      i => i % 4 === 1 && ids.contactJid(i).includes('lid')
    )) {
      await this.repository.encryptMessage({
        jid: ids.contactJid(i),
        data: Buffer.from('still there?')
      })
    }
    for (const { own, group, author } of range(1, this.#have['sender-key']).map(ids.senderKey)) {
      if (own) {
        await this.repository.encryptGroupMessage({
          group,
          meId: author,
          data: Buffer.from('to all')
        })
      }
    }
  }

  /** The identity in the open session. */
  async #newIdentity(i) {
    const address = this.repository.jidToSignalProtocolAddress(ids.contactJid(i))
    const { [address]: record } = await this.keys.get('session', [address])
    const open = Object.values(record._sessions).find(session => session.indexInfo.closed === -1)
    await this.#put(
      'identity-key',
      address,
      Buffer.from(open.indexInfo.remoteIdentityKey, 'base64')
    )
  }

  async #newSenderKey(i) {
    const { own, group, author } = ids.senderKey(i)
    if (i === 0) {
      return
    }
    if (own) {
      await this.repository.encryptGroupMessage({
        group,
        meId: author,
        data: Buffer.from('to all')
      })
      return
    }
    const member = createContact(author).repository
    const { senderKeyDistributionMessage } = await member.encryptGroupMessage({
      group,
      meId: author,
      data: Buffer.from('hi')
    })
    await this.repository.processSenderKeyDistributionMessage({
      item: { groupId: group, axolotlSenderKeyDistributionMessage: senderKeyDistributionMessage },
      authorJid: author
    })
  }

  #newSenderKeyMemory(i) {
    const members = range(1, 3 + i * 2).map(n => [ids.contactJid(n * 7 + i), true])
    return this.#put('sender-key-memory', ids.senderKeyMemoryId(i), Object.fromEntries(members))
  }

  async #newAppStateKey(i, when) {
    const keyData = proto.Message.AppStateSyncKeyData.create({
      keyData: randomBytes(32),
      fingerprint: {
        rawId: randomBytes(4).readUInt32BE(),
        currentIndex: i,
        deviceIndexes: [0, 1, i]
      },
      timestamp: when.getTime()
    })
    await this.#put('app-state-sync-key', ids.appStateSyncKeyId(i), keyData)
  }

  async #writeAppStateVersions() {
    for (const [i, name] of ids.APP_STATE_NAMES.entries()) {
      const { [name]: old } = await this.keys.get('app-state-sync-version', [name])
      const indexValueMap = Object.fromEntries(
        range(0, 2 + i * 4).map(() => [
          randomBytes(32).toString('base64'),
          { valueMac: randomBytes(32) }
        ])
      )
      await this.#put('app-state-sync-version', name, {
        version: (old?.version ?? 0) + 3,
        hash: randomBytes(128),
        indexValueMap
      })
    }
  }

  #newDeviceList(i) {
    const devices = ['0', '1', '17', '31', '99'].slice(0, 1 + (i % 5))
    return this.#put(
      'device-list',
      ids.deviceListUser(i),
      i === 0 ? ['0', String(jidDecode(ids.ME.id).device)] : devices
    )
  }

  /** Every tenth is one that Baileys emptied when it expired, keeping what it had sent itself. */
  #newToken(i, when) {
    const seconds = Math.floor(when.getTime() / 1000)
    return this.#put(
      'tctoken',
      ids.tctokenId(i),
      i % 10 === 4
        ? { token: Buffer.alloc(0), senderTimestamp: seconds }
        : { token: randomBytes(24 + i), timestamp: String(seconds), senderTimestamp: seconds }
    )
  }

  #writeTokenIndex(count) {
    const jids = range(1, count).map(ids.tctokenId)
    return this.#put('tctoken', '__index', { token: Buffer.from(JSON.stringify(jids)) })
  }
}

/** The credentials of a paired account, beyond what Baileys makes for a new one. */
export function pair(creds, { id, lid, name }, when) {
  const accountKey = Curve.generateKeyPair()
  const details = randomBytes(24)
  Object.assign(creds, {
    me: { id, lid, name },
    account: {
      details,
      accountSignatureKey: accountKey.public,
      accountSignature: Curve.sign(
        accountKey.private,
        Buffer.concat([Buffer.from([6, 0]), details, creds.signedIdentityKey.public])
      ),
      deviceSignature: Curve.sign(
        creds.signedIdentityKey.private,
        Buffer.concat([
          Buffer.from([6, 1]),
          details,
          creds.signedIdentityKey.public,
          accountKey.public
        ])
      )
    },
    signalIdentities: [
      {
        identifier: { name: lid, deviceId: 0 },
        identifierKey: generateSignalPubKey(accountKey.public)
      }
    ],
    platform: 'android',
    routingInfo: Buffer.from('CA0IDA==', 'base64'),
    lastAccountSyncTimestamp: Math.floor(when.getTime() / 1000),
    accountSyncCounter: 1,
    registered: true
  })
}
