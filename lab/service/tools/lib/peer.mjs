// The other side of the conversation. Its state lives in one file, outside the application.
import fs from 'node:fs/promises'
import { baileys } from './release.mjs'
import { memoryKeys, openParty } from './party.mjs'

const { BufferJSON } = baileys

/**
 * The peer as it was saved.
 *
 * @returns its `jid`, the service's `serviceJid`, the `group` both are in, its Signal `repository`,
 *   and `save()`, to be called after every use of the repository
 */
export async function loadPeer(file) {
  return peerOf(JSON.parse(await fs.readFile(file, 'utf8'), BufferJSON.reviver), file)
}

export function peerOf(record, file) {
  const { jid, serviceJid, group, creds, data } = record
  return {
    jid,
    serviceJid,
    group,
    creds,
    data,
    repository: openParty({ creds, keys: memoryKeys(data) }),
    save: () => replaceFile(file, JSON.stringify(record, BufferJSON.replacer))
  }
}

/** A ratchet that went back is lost: the old file is there until the new one is whole. */
async function replaceFile(file, text) {
  const next = `${file}.next`
  await fs.writeFile(next, text, { mode: 0o600, flush: true })
  await fs.rename(next, file)
}
