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

const { values } = parseArgs({ options: { company: { type: 'string', default: '962302' } } })
try {
  const service = await openService('postgres', values.company)
  const repository = openParty(service.state)
  const consumed = []
  for (const n of range(0, 7)) {
    consumed.push(await firstMessage(service.state, repository, `2000007770000${n}@lid`))
  }
  // A contact with a new phone: another identity under the same address.
  const renewed = ids.contactJid(1)
  consumed.push(await firstMessage(service.state, repository, renewed))
  await mintPreKeys(service, 30)
  const moved = await moveToLid(service.state, repository)
  const contacts = await writeToContacts(repository)
  const groups = await writeToGroups(repository)
  await service.saveCreds()
  await service.close()
  console.log(JSON.stringify({ consumed, renewed, moved, contacts, groups }))
  process.exit(0)
} catch (error) {
  console.error(`days-later: ${error.stack}`)
  process.exit(1)
}
