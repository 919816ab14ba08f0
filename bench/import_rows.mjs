// What is used in the wild: reads the session files and writes them with node-pg, one INSERT a key or
// one for each hundred; `autocommit` is what `await client.query(…)` in a loop comes to, `one transaction`
// what somebody does who thought of it. The names are decoded by splitting off the longest known type,
// which is quicker than a grammar and wrong for some; nothing is hashed, recorded or proven.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';

const [directory, host, port, database, company, size, commits] = process.argv.slice(2);
const TYPES = ['app-state-sync-version', 'sender-key-memory', 'app-state-sync-key', 'identity-key',
  'device-list', 'lid-mapping', 'sender-key', 'tctoken', 'pre-key', 'session'];

const started = performance.now();
const client = new pg.Client({ host, port: Number(port), database, user: 'postgres' });
await client.connect();
if (commits === 'one transaction') await client.query('BEGIN');
const credentials = JSON.parse(await readFile(join(directory, 'creds.json'), 'utf8'));
await client.query('INSERT INTO whatsapp_auth (company_id, creds) VALUES ($1, $2)',
  [company, JSON.stringify(credentials)]);
const names = (await readdir(directory)).filter((name) => name !== 'creds.json');
for (let at = 0; at < names.length; at += Number(size)) {
  const marks = [];
  const values = [];
  for (const name of names.slice(at, at + Number(size))) {
    const value = JSON.parse(await readFile(join(directory, name), 'utf8'));
    const type = TYPES.find((one) => name.startsWith(`${one}-`));
    const id = name.slice(type.length + 1, -'.json'.length);
    marks.push(`($${values.length + 1}, $${values.length + 2}, $${values.length + 3}, $${values.length + 4})`);
    values.push(company, type, id, JSON.stringify(value));
  }
  await client.query(
    `INSERT INTO whatsapp_keys (company_id, key_type, key_id, value) VALUES ${marks.join(', ')}`, values);
}
if (commits === 'one transaction') await client.query('COMMIT');
await client.end();
console.log(JSON.stringify({ seconds: (performance.now() - started) / 1000 }));
