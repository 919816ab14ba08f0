// A new account: npm run pair NAME, scan the code with the phone, stop with Ctrl-C when it is
// connected, restart the desk.
import 'dotenv/config'
import { startAccount } from './account.js'

if (!process.argv[2]) {
  console.error('usage: npm run pair NAME')
  process.exit(1)
}
await startAccount(process.argv[2])
