// Eleven days of the service on PostgreSQL, by Baileys' own operations over the service's own state:
// strangers use up pre-keys, ratchets advance, contacts move to their LID, new keys come. Run in a
// release's directory as the service's user, with the service stopped.
// Usage: node live.mjs PEER_FILE
// Prints when each day began and ended on the database's clock, for whoever spreads them.
import * as ids from '../lab-tools/lib/ids.mjs'
import { bundle, createContact, openParty, send } from '../lab-tools/lib/party.mjs'
import { loadPeer } from '../lab-tools/lib/peer.mjs'
import { baileys } from '../lab-tools/lib/release.mjs'
import { openRows } from '../lab-tools/lib/service.mjs'

const COMPANY = '962302'
const DAYS = 11
const STRANGERS = 3
const MINTED = 12
const { Curve } = baileys
const range = (from, to) => Array.from({ length: to - from }, (_, i) => from + i)

const { query, state, saveCreds, settled, close } = await openRows(COMPANY)
const peer = await loadPeer(process.argv[2])
const repository = openParty(state)
const unused = await preKeysFrom(1)

async function preKeysFrom(first) {
  const numbers = range(first, state.creds.nextPreKeyId).map(String)
  const found = await state.keys.get('pre-key', numbers)
  return numbers.filter(number => found[number])
}

/** A first message by one of our pre-keys: libsignal deletes the pre-key that it consumed. */
async function strangersWrite(day) {
  for (const n of range(0, STRANGERS)) {
    const id = unused.shift()
    const { [id]: preKey } = await state.keys.get('pre-key', [id])
    const stranger = createContact(`2000000${70000000 + day * 100 + n}@lid`)
    await stranger.repository.injectE2ESession({
      jid: state.creds.me.lid,
      session: bundle(state.creds, Number(id), preKey)
    })
    await send(stranger.repository, repository, stranger.jid, state.creds.me.lid, 'who is there?')
  }
}

async function peerTalks(day) {
  await send(peer.repository, repository, peer.jid, state.creds.me.lid, `day ${day}`)
  await send(repository, peer.repository, state.creds.me.lid, peer.jid, `answer of day ${day}`)
  await peer.save()
}

/** Messages to contacts on LID and to groups of our own: their chains step on. */
async function writeToMany(day) {
  for (const i of range(1, 40).filter(i => i % DAYS === day % DAYS)) {
    const jid = ids.contactJid(i)
    if (jid.includes('lid')) {
      await repository.encryptMessage({ jid, data: Buffer.from('news') })
    }
    const { own, group, author } = ids.senderKey(i)
    if (own) {
      await repository.encryptGroupMessage({ group, meId: author, data: Buffer.from('news') })
    }
  }
}

/** The session under a contact's number becomes that of its LID. */
async function moveToLid(day) {
  const { pn, lid } = ids.lidPair(3 * day)
  const { migrated } = await repository.migrateSession(pn, lid)
  return migrated
}

async function mint() {
  const { creds } = state
  const minted = range(creds.nextPreKeyId, creds.nextPreKeyId + MINTED)
  await state.keys.set({
    'pre-key': Object.fromEntries(minted.map(id => [id, Curve.generateKeyPair()]))
  })
  creds.nextPreKeyId += MINTED
  creds.firstUnuploadedPreKeyId = creds.nextPreKeyId
  creds.accountSyncCounter += 1
  await saveCreds()
}

const clock = async () => (await query('SELECT clock_timestamp()::text AS now')).rows[0].now

const days = []
let moved = 0
for (const day of range(1, DAYS + 1)) {
  const began = await clock()
  await strangersWrite(day)
  await peerTalks(day)
  await writeToMany(day)
  moved += day <= 4 ? await moveToLid(day) : 0
  await mint()
  await settled()
  days.push([began, await clock()])
}
await close()
console.log(JSON.stringify({ days, moved, consumed: DAYS * STRANGERS, minted: DAYS * MINTED }))
process.exit(0)
