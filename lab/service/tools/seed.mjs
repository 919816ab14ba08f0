// Puts the old version's files in place, by that version itself: run in the in-place checkout, as
// the service's user, with the service stopped.
// Usage: [LAB_COMPANY=962302] node seed.mjs [--live-only] PEER_DIRECTORY
// A test account that came with the checkout stays as it is.
// With --live-only no copies of earlier weeks and no test account are left beside the live files.
import { existsSync } from 'node:fs'
import fs from 'node:fs/promises'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { Account, pair } from './lib/account.mjs'
import * as ids from './lib/ids.mjs'
import { bundle, createContact, openParty, send } from './lib/party.mjs'
import { peerOf } from './lib/peer.mjs'
import { baileys } from './lib/release.mjs'
import { openFiles } from './lib/service.mjs'

const TYPES = [
  'pre-key',
  'session',
  'identity-key',
  'sender-key',
  'sender-key-memory',
  'app-state-sync-key',
  'app-state-sync-version',
  'lid-mapping',
  'device-list',
  'tctoken'
]
// The 728 keys that were first migrated, and the 1,313 of the clean-up (docs/facts.md section 1).
const FIRST_BACKUP = [180, 90, 54, 30, 5, 4, 5, 40, 14, 7]
const FIRST_MIGRATED = [330, 140, 84, 50, 8, 8, 5, 66, 24, 13]
const CLEAN_UP = [620, 240, 150, 90, 14, 12, 5, 120, 40, 22]
const TEST_ACCOUNT = 'baileys_test_auth'
const WEEKS = 9
const WEEK_MS = 7 * 24 * 60 * 60 * 1000
const MIGRATED = new Date('2025-11-07T20:07:34Z')

/** The account week by week; `to` is where the copy of that week went. The last has none: it lives. */
function stages() {
  const weekly = Array.from({ length: WEEKS }, (_, week) => {
    const date = new Date(MIGRATED.getTime() - (WEEKS - week) * WEEK_MS)
    const numbers = FIRST_BACKUP.map(
      (from, i) => from + 2 * Math.floor(((FIRST_MIGRATED[i] - from) * week) / WEEKS / 2)
    )
    return { date, to: path.join('baileys_sessions_backup', stamp(date)), numbers }
  })
  return [
    ...weekly,
    {
      date: MIGRATED,
      to: `baileys_sessions.backup.phase07.${stamp(MIGRATED)}`,
      numbers: FIRST_MIGRATED
    },
    { date: new Date('2025-11-18T08:00:00Z'), to: null, numbers: CLEAN_UP }
  ].map(stage => ({
    ...stage,
    counts: Object.fromEntries(TYPES.map((type, i) => [type, stage.numbers[i]]))
  }))
}

const stamp = date => date.toISOString().replace(/[-:]/g, '').replace('T', '_').slice(0, 15)

async function seedCompany(peerFile, liveOnly) {
  const auth = await openFiles(ids.COMPANY)
  pair(
    auth.state.creds,
    { ...ids.ME, name: 'Ассистент “ai-admin” 🚀' },
    new Date('2025-08-30T12:00:00Z')
  )
  const account = new Account(auth.state)
  let peer
  for (const stage of stages()) {
    peer ??= await meetPeer(account, auth.state.creds, peerFile)
    await account.grow(stage.counts, stage.date)
    await converse(account, peer)
    await account.advance()
    auth.state.creds.accountSyncCounter += 1
    await auth.saveCreds()
    if (stage.to && !liveOnly) {
      await snapshot(auth.directory, stage)
    }
  }
  await peer.save()
  return account
}

/** A session from the peer's pre-key, and a group in which the peer writes. */
async function meetPeer(account, creds, file) {
  const contact = createContact(ids.PEER.lid)
  const { creds: peerCreds, data } = contact
  const peer = peerOf(
    { jid: ids.PEER.lid, serviceJid: ids.ME.lid, group: ids.PEER_GROUP, creds: peerCreds, data },
    file
  )
  await account.repository.injectE2ESession({
    jid: peer.jid,
    session: bundle(peerCreds, 1, data['pre-key'][1])
  })
  await send(account.repository, peer.repository, ids.ME.lid, peer.jid, 'nice to meet you')
  const { senderKeyDistributionMessage } = await peer.repository.encryptGroupMessage({
    group: peer.group,
    meId: peer.jid,
    data: Buffer.from('hi')
  })
  await account.repository.processSenderKeyDistributionMessage({
    item: {
      groupId: peer.group,
      axolotlSenderKeyDistributionMessage: senderKeyDistributionMessage
    },
    authorJid: peer.jid
  })
  return peer
}

async function converse(account, peer) {
  for (const n of [1, 2, 3]) {
    await send(peer.repository, account.repository, peer.jid, ids.ME.lid, `question ${n}`)
    await send(account.repository, peer.repository, ids.ME.lid, peer.jid, `answer ${n}`)
    const { ciphertext } = await peer.repository.encryptGroupMessage({
      group: peer.group,
      meId: peer.jid,
      data: Buffer.from(`to all ${n}`)
    })
    await account.repository.decryptGroupMessage({
      group: peer.group,
      authorJid: peer.jid,
      msg: ciphertext
    })
  }
}

async function snapshot(directory, { to, date }) {
  const copy = path.resolve(to, path.basename(directory))
  await fs.cp(directory, copy, { recursive: true })
  for (const name of await fs.readdir(copy)) {
    await fs.utimes(path.join(copy, name), date, date)
  }
}

/** Another account altogether, flat in its directory, as somebody's experiment left it. */
async function seedTestAccount() {
  const { state, saveCreds } = await baileys.useMultiFileAuthState(
    path.resolve(TEST_ACCOUNT)
  )
  pair(
    state.creds,
    { id: '15550109900:3@s.whatsapp.net', lid: '200000099000001:3@lid', name: 'test' },
    new Date('2025-08-01T10:00:00Z')
  )
  const repository = openParty(state)
  const contact = createContact('200000099000002@lid')
  await repository.injectE2ESession({
    jid: contact.jid,
    session: bundle(contact.creds, 1, contact.data['pre-key'][1])
  })
  await send(repository, contact.repository, state.creds.me.lid, contact.jid, 'test')
  const preKeys = Array.from({ length: 20 }, (_, i) => [i + 1, baileys.Curve.generateKeyPair()])
  await state.keys.set({ 'pre-key': Object.fromEntries(preKeys) })
  state.creds.nextPreKeyId = state.creds.firstUnuploadedPreKeyId = preKeys.length + 1
  await saveCreds()
}

/** Every key's type and id as the library was given them, for checks that must not decode names. */
async function writeKeyList(account, file) {
  const lists = Object.entries(account.written).map(([type, set]) => [type, [...set].sort()])
  await fs.writeFile(file, JSON.stringify(Object.fromEntries(lists)))
}

const {
  positionals: [peerDirectory],
  values: { 'live-only': liveOnly }
} = parseArgs({ allowPositionals: true, options: { 'live-only': { type: 'boolean' } } })
if (!peerDirectory) {
  console.error('Usage: node seed.mjs [--live-only] PEER_DIRECTORY')
  process.exit(1)
}
await fs.mkdir(peerDirectory, { recursive: true, mode: 0o700 })
const account = await seedCompany(path.join(peerDirectory, 'peer.json'), liveOnly)
if (!liveOnly && !existsSync(TEST_ACCOUNT)) {
  await seedTestAccount()
}
await writeKeyList(account, path.join(peerDirectory, 'keys.json'))
process.exit(0)
