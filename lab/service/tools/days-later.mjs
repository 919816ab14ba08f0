// Days pass on the rows: what a service does to its keys while the old files lie there, by the
// library's own operations. Prints what it did as JSON. No socket, ever.
//
//   --company ID
//
// Run in a release's directory, with the service stopped.
import { parseArgs } from 'node:util'
import * as ids from './lib/ids.mjs'
import { bundle, createContact, openParty } from './lib/party.mjs'
import { baileys } from './lib/release.mjs'
import { openService } from './lib/service.mjs'

const { getNextPreKeys } = baileys
const range = (from, to) => Array.from({ length: to - from }, (_, i) => from + i)

/** Somebody writes for the first time: it uses up a pre-key and opens a session. */
async function firstMessage({ creds, keys }, repository, jid) {
  const numbers = range(1, creds.nextPreKeyId).map(String)
  const there = Object.entries(await keys.get('pre-key', numbers)).filter(([, value]) => value)
  const [id, preKey] = there[0]
  const contact = createContact(jid)
  const session = bundle(creds, Number(id), preKey)
  await contact.repository.injectE2ESession({ jid: creds.me.lid, session })
  const data = Buffer.from('hello, I am new')
  const message = await contact.repository.encryptMessage({ jid: creds.me.lid, data })
  await repository.decryptMessage({ jid, ...message })
  return id
}

/** What Baileys does when few pre-keys are left at WhatsApp. */
async function mintPreKeys(service, count) {
  const { update } = await getNextPreKeys(service.state, count)
  Object.assign(service.state.creds, update)
}

async function writeToContacts(repository) {
  const written = range(1, 60).map(ids.contactJid).filter(jid => jid.endsWith('@lid'))
  for (const jid of written) {
    await repository.encryptMessage({ jid, data: Buffer.from('good morning') })
  }
  return written.length
}

async function writeToGroups(repository) {
  const own = range(1, 60).map(ids.senderKey).filter(one => one.own)
  for (const { group, author } of own) {
    const data = Buffer.from('good morning, all')
    await repository.encryptGroupMessage({ group, meId: author, data })
  }
  return own.length
}

/** Contacts whose number got a LID: their sessions move there. */
async function moveToLid({ keys }, repository) {
  const moved = []
  for (const { pn, lid } of range(0, 12).filter(j => j % 3 === 0).map(ids.lidPair)) {
    const user = pn.split(/[:@]/)[0]
    await keys.set({ 'device-list': { [user]: ['0', '1', '2'] } })
    const { migrated } = await repository.migrateSession(pn, lid)
    moved.push(...(migrated ? [user] : []))
  }
  return moved
}

/** A contact removes a device: Baileys deletes its session at once, and later writes the new list. */
async function removeDevice({ keys }, repository) {
  const jid = ids.contactJid(17)
  const user = ids.deviceListUser(13)
  const { [user]: devices } = await keys.get('device-list', [user])
  await repository.deleteSession([jid])
  await keys.set({ 'device-list': { [user]: devices.filter(device => !jid.includes(`:${device}@`)) } })
  return repository.jidToSignalProtocolAddress(jid)
}

/** A retry receipt without keys: Baileys deletes the session and begins one from the server's bundle. */
async function beginAnew({ keys }, repository, jid) {
  const address = repository.jidToSignalProtocolAddress(jid)
  const { [address]: record } = await keys.get('session', [address])
  const open = Object.values(record._sessions).find(one => one.indexInfo.closed === -1)
  await keys.set({ session: { [address]: null } })
  const { creds, data } = createContact(jid)
  const identity = Buffer.from(open.indexInfo.remoteIdentityKey, 'base64')
  const same = { ...creds, signedIdentityKey: { public: identity } }
  await repository.injectE2ESession({ jid, session: bundle(same, 1, data['pre-key'][1]) })
  return address
}

const { values } = parseArgs({ options: { company: { type: 'string', default: '962302' } } })
try {
  const service = await openService('postgres', values.company)
  const repository = openParty(service.state)
  const stranger = n => `2000007770000${n}@lid`
  const consumed = []
  for (const n of range(0, 7)) {
    consumed.push(await firstMessage(service.state, repository, stranger(n)))
  }
  // A contact with a new phone: another identity under the same address.
  const renewed = ids.contactJid(1)
  consumed.push(await firstMessage(service.state, repository, renewed))
  await mintPreKeys(service, 30)
  const moved = await moveToLid(service.state, repository)
  const contacts = await writeToContacts(repository)
  const groups = await writeToGroups(repository)
  const removed = await removeDevice(service.state, repository)
  // One whose session the files have, and one who wrote for the first time a moment ago.
  const retried = [
    await beginAnew(service.state, repository, ids.contactJid(2)),
    await beginAnew(service.state, repository, stranger(3))
  ]
  await service.saveCreds()
  await service.close()
  const done = { consumed, renewed, moved, contacts, groups, removed, retried }
  console.log(JSON.stringify(done))
  process.exit(0)
} catch (error) {
  console.error(`days-later: ${error.stack}`)
  process.exit(1)
}
