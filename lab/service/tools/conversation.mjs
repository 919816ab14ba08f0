// The conversation between the peer and the service, a command at a time. Lab only.
//
//   peer-encrypt     --peer FILE --text TEXT --out FILE       a direct and a group message
//   peer-sends       --peer FILE --text TEXT --out FILE       a direct message, as WhatsApp delivers it
//   stranger-encrypt --provider P --text TEXT --out FILE      a first message, by one of our pre-keys
//   service-decrypt  --provider P --in FILE                   prints {"texts": [...]}
//   service-reply    --provider P --to JID --text TEXT --out FILE
//   peer-decrypt     --peer FILE --in FILE                    prints {"texts": [...]}
//
// P is files or postgres. Run as the service's user in a release's directory. Every command saves
// the ratchet it moved, so none can be repeated: a message decrypts once.
import fs from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { bundle, createContact, openParty } from './lib/party.mjs'
import { loadPeer } from './lib/peer.mjs'
import { baileys } from './lib/release.mjs'
import { openService } from './lib/service.mjs'

const COMMANDS = {
  'peer-encrypt': peerEncrypt,
  'peer-sends': peerSends,
  'stranger-encrypt': strangerEncrypt,
  'service-decrypt': serviceDecrypt,
  'service-reply': serviceReply,
  'peer-decrypt': peerDecrypt
}

async function peerEncrypt({ peer: file, text, out }) {
  const peer = await loadPeer(file)
  const data = Buffer.from(text)
  const direct = await peer.repository.encryptMessage({ jid: peer.serviceJid, data })
  const { ciphertext } = await peer.repository.encryptGroupMessage({
    group: peer.group,
    meId: peer.jid,
    data
  })
  await peer.save()
  await writeMessages(out, [
    { from: peer.jid, ...direct },
    { from: peer.jid, group: peer.group, ciphertext }
  ])
}

async function peerSends({ peer: file, text, out }) {
  const peer = await loadPeer(file)
  const data = baileys.encodeWAMessage({ conversation: text })
  const { type, ciphertext } = await peer.repository.encryptMessage({ jid: peer.serviceJid, data })
  await peer.save()
  const sealed = Buffer.from(ciphertext).toString('base64')
  const message = { to: peer.serviceJid, from: peer.jid, type, ciphertext: sealed }
  // Whole, or not there: the mail is looked through all the time.
  await fs.writeFile(`${out}.part`, JSON.stringify(message))
  await fs.rename(`${out}.part`, out)
}

async function strangerEncrypt({ provider, company, text, out }) {
  const service = await openService(provider, company)
  const { creds, keys } = service.state
  const [id, preKey] = await anyPreKey(keys, creds.nextPreKeyId)
  const stranger = createContact('200000099999999@lid')
  await stranger.repository.injectE2ESession({
    jid: creds.me.lid,
    session: bundle(creds, id, preKey)
  })
  const message = await stranger.repository.encryptMessage({
    jid: creds.me.lid,
    data: Buffer.from(text)
  })
  await service.close()
  await writeMessages(out, [{ from: stranger.jid, ...message }])
  return { preKey: id }
}

async function anyPreKey(keys, next) {
  const ids = Array.from({ length: next - 1 }, (_, i) => String(next - 1 - i))
  const found = Object.entries(await keys.get('pre-key', ids)).find(([, value]) => value)
  if (!found) {
    throw new Error('the service has no pre-key')
  }
  return [Number(found[0]), found[1]]
}

async function serviceDecrypt({ provider, company, in: file }) {
  const service = await openService(provider, company)
  const texts = await decryptAll(openParty(service.state), await readMessages(file))
  await service.close()
  return { texts }
}

async function serviceReply({ provider, company, to, text, out }) {
  const service = await openService(provider, company)
  const message = await openParty(service.state).encryptMessage({
    jid: to,
    data: Buffer.from(text)
  })
  await service.close()
  await writeMessages(out, [{ from: service.state.creds.me.lid, ...message }])
}

async function peerDecrypt({ peer: file, in: messages }) {
  const peer = await loadPeer(file)
  const texts = await decryptAll(peer.repository, await readMessages(messages))
  await peer.save()
  return { texts }
}

async function decryptAll(repository, messages) {
  const texts = []
  for (const { from, group, type, ciphertext } of messages) {
    const msg = Buffer.from(ciphertext, 'base64')
    const plain = group
      ? await repository.decryptGroupMessage({ group, authorJid: from, msg })
      : await repository.decryptMessage({ jid: from, type, ciphertext: msg })
    texts.push(Buffer.from(plain).toString())
  }
  return texts
}

async function writeMessages(file, messages) {
  const lines = messages.map(message => ({
    ...message,
    ciphertext: Buffer.from(message.ciphertext).toString('base64')
  }))
  await fs.writeFile(file, JSON.stringify(lines))
}

const readMessages = async file => JSON.parse(await fs.readFile(file, 'utf8'))

const OPTIONS = {
  company: { type: 'string', default: '962302' },
  provider: { type: 'string', default: 'postgres' },
  peer: { type: 'string', default: '/srv/lab-peer/peer.json' },
  to: { type: 'string', default: '200000090000001@lid' },
  text: { type: 'string', default: 'hello' },
  in: { type: 'string' },
  out: { type: 'string' }
}

async function main() {
  const {
    positionals: [name],
    values
  } = parseArgs({ allowPositionals: true, options: OPTIONS })
  if (!COMMANDS[name]) {
    throw new Error(`use one of ${Object.keys(COMMANDS).join(', ')}`)
  }
  console.log(JSON.stringify({ command: name, ...(await COMMANDS[name](values)) }))
}

// Explicitly, because caches of Baileys keep timers.
main().then(
  () => process.exit(0),
  error => {
    console.error(`conversation: ${error.message}`)
    process.exit(1)
  }
)
