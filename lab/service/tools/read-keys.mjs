// Reads every key of a company the way Baileys gets it, and prints a digest of each: one JSON
// object a line, {"type", "id", "digest"}, the credentials as type "creds". Two readings that are
// equal line for line hold the same keys.
//
//   --from postgres [--company ID] [--ids FILE]   through the release's own authentication state
//   --from directory --path DIR --ids FILE   through useMultiFileAuthState
//
// FILE lists the ids as {type: [id, ...]}, because names of files don't tell them; a service whose
// rows are named like files needs it for them too.
//
// Run in a release's directory.
import { createHash } from 'node:crypto'
import fs from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { openService } from './lib/service.mjs'
import { baileys } from './lib/release.mjs'

const { useMultiFileAuthState } = baileys

async function fromPostgres({ company, ids }) {
  const service = await openService('postgres', company)
  const lines = await digests(service.state, ids ? await readIds(ids) : await service.ids())
  await service.close()
  return lines
}

async function fromDirectory({ path, ids }) {
  const { state } = await useMultiFileAuthState(path)
  return digests(state, await readIds(ids))
}

const readIds = async file => JSON.parse(await fs.readFile(file, 'utf8'))

async function digests({ creds, keys }, ids) {
  const lines = [{ type: 'creds', id: '', digest: digest(creds) }]
  for (const type of Object.keys(ids).sort()) {
    const values = await keys.get(type, ids[type])
    for (const id of ids[type].sort()) {
      lines.push({ type, id, digest: values[id] ? digest(values[id]) : null })
    }
  }
  return lines
}

/** Of what Baileys would compute with, not of how it was stored: jsonb orders keys its own way. */
const digest = value => createHash('sha256').update(JSON.stringify(plain(value))).digest('hex')

/** Bytes are told from an object that only looks like a Buffer: a reader that left it so lost the key. */
function plain(value) {
  if (value instanceof Uint8Array) {
    return { bytes: Buffer.from(value).toString('base64') }
  }
  if (value === null || typeof value !== 'object') {
    return value
  }
  if (value.toJSON) {
    return plain(value.toJSON())
  }
  return Array.isArray(value)
    ? value.map(plain)
    : Object.fromEntries(Object.keys(value).sort().map(key => [key, plain(value[key])]))
}

const { values } = parseArgs({
  options: {
    from: { type: 'string' },
    company: { type: 'string', default: '962302' },
    path: { type: 'string' },
    ids: { type: 'string' }
  }
})
try {
  const lines = await (values.from === 'directory' ? fromDirectory(values) : fromPostgres(values))
  process.stdout.write(lines.map(line => `${JSON.stringify(line)}\n`).join(''), () =>
    process.exit(0)
  )
} catch (error) {
  console.error(`read-keys: ${error.message}`)
  process.exit(1)
}
