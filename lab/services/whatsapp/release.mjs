// It runs in the directory of a release and uses what that release uses.
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const require = createRequire(path.resolve('package.json'))
const load = name => import(pathToFileURL(require.resolve(name)))

export const baileys = await load('@whiskeysockets/baileys')
export const { WebSocketServer } = (await load('ws')).default
