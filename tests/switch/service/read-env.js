// What the real dotenv reads: a file's bytes in base64 a line on standard input, JSON a line back.
const readline = require('readline')
const dotenv = require('dotenv')

readline.createInterface({ input: process.stdin }).on('line', line => {
  const text = Buffer.from(line, 'base64').toString('utf8')
  process.stdout.write(`${JSON.stringify(dotenv.parse(text))}\n`)
})
