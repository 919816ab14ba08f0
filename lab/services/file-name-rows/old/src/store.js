import fs from 'node:fs'

const SAVE_MS = 10_000

/** Chats and contacts of one account, in memory and every ten seconds in a file. */
export function openStore(file) {
  const data = fs.existsSync(file)
    ? JSON.parse(fs.readFileSync(file, 'utf8'))
    : { chats: {}, contacts: {} }
  const save = () => fs.writeFileSync(file, JSON.stringify(data))
  const timer = setInterval(save, SAVE_MS)

  function remember(kind) {
    return items => {
      for (const item of items) {
        data[kind][item.id] = { ...data[kind][item.id], ...item }
      }
    }
  }

  return {
    bind(ev) {
      ev.on('chats.upsert', remember('chats'))
      ev.on('chats.update', remember('chats'))
      ev.on('contacts.upsert', remember('contacts'))
      ev.on('contacts.update', remember('contacts'))
    },
    close() {
      clearInterval(timer)
      save()
    }
  }
}
