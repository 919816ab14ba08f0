// The tools run in a release's directory and use what that release uses: its modules, its Baileys.
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const require = createRequire(path.resolve('package.json'))

/** Import a module of the release, by its path there. */
export const fromRelease = file => import(pathToFileURL(path.resolve(file)))

export const baileys = await import(pathToFileURL(require.resolve('@whiskeysockets/baileys')))
export const pino = (await import(pathToFileURL(require.resolve('pino')))).default
