// Made-up ids of every form that Baileys writes (docs/facts.md section 2): the i-th of each type.
// Telephone numbers are +1 555 010 xxxx, which nobody has.

const phone = n => `1555010${String(n).padStart(4, '0')}`
const lid = n => `2000000${String(n).padStart(8, '0')}`
const pick = (list, i) => list[i % list.length]

/** Whose files are made; each company has an account, so an own number, of its own. */
export const COMPANY = process.env.LAB_COMPANY ?? '962302'
const number = /^\d+$/.test(COMPANY)
  ? Number(COMPANY)
  : [...COMPANY].reduce((sum, letter) => sum + letter.codePointAt(0), 0)
const own = COMPANY === '962302' ? 0 : 100 + (number % 900)
export const ME = { id: `${phone(own)}:12@s.whatsapp.net`, lid: `${lid(own + 1)}:12@lid` }
export const PEER = { pn: `${phone(9001)}@s.whatsapp.net`, lid: `${lid(90000001)}@lid` }
export const PEER_GROUP = '120363000000000000@g.us'

const DASH_GROUP = i => `${phone(12)}-${1609459200 + i}@g.us`
const GROUP = i => `1203630000000${String(i).padStart(5, '0')}@g.us`

/** Whom the i-th session is with; the first is the peer. */
export function contactJid(i) {
  if (i === 0) {
    return PEER.lid
  }
  const pn = phone(1000 + i)
  const user = lid(1000 + i)
  return pick(
    [
      `${user}@lid`,
      `${user}:1@lid`,
      `${user}:17@lid`,
      `${user}:100@lid`,
      `${user}@lid`,
      `${pn}@s.whatsapp.net`,
      `${pn}:2@s.whatsapp.net`,
      `${pn}:31@s.whatsapp.net`,
      `${pn}:99@hosted`,
      `${user}:99@hosted.lid`
    ],
    i
  )
}

/** Every third pair belongs to a contact whose session is still under its number. */
export function lidPair(j) {
  if (j === 1) {
    return PEER
  }
  if (j === 2) {
    return { pn: ME.id, lid: ME.lid }
  }
  const pn = j % 3 === 0 ? contactJid(10 * (j / 3) + 5) : `${phone(3000 + j)}@s.whatsapp.net`
  return { pn, lid: `${lid(3000 + j)}@lid` }
}

/** The i-th sender key: `own` ones are the service's, the others a member's. */
export function senderKey(i) {
  if (i === 0) {
    return { own: false, group: PEER_GROUP, author: PEER.lid }
  }
  if (i % 7 === 6) {
    return {
      own: true,
      group: i === 13 ? `${phone(77)}@broadcast` : GROUP(500 + i),
      author: ME.lid
    }
  }
  const group = i % 9 === 8 ? 'status@broadcast' : i % 5 === 4 ? DASH_GROUP(i) : GROUP(i % 12)
  const author = pick(
    [
      `${lid(5000 + i)}@lid`,
      `${phone(5000 + i)}:2@s.whatsapp.net`,
      `${lid(5000 + i)}:17@lid`,
      `${phone(5000 + i)}:99@hosted`
    ],
    i
  )
  return { own: false, group, author }
}

export function senderKeyMemoryId(i) {
  const special = [
    PEER_GROUP,
    'status@broadcast',
    DASH_GROUP(2),
    `${phone(1006)}:7@s.whatsapp.net`,
    `${lid(1002)}:3@lid`
  ]
  return special[i] ?? GROUP(i)
}

/** The 13th is of a contact whose session is with a device in that list. */
export const deviceListUser = i =>
  (i === 0 ? ME.id : contactJid(i === 13 ? 17 : i * 5 - 5)).split(/[:@]/)[0]

/** Standard base64: with plus signs, slashes (two in a row) and, for every sixth, padding. */
export function appStateSyncKeyId(i) {
  const bytes = [
    0,
    i,
    0x10,
    ...pick(
      [
        [0xfb, 0xff],
        [0xff, 0xbe],
        [0x42, 0x10]
      ],
      i
    ),
    0xc0 + i
  ]
  return Buffer.from(i % 6 === 5 ? bytes.slice(0, 5) : bytes).toString('base64')
}

export const APP_STATE_NAMES = [
  'critical_block',
  'critical_unblock_low',
  'regular_high',
  'regular_low',
  'regular'
]

export function tctokenId(i) {
  if (i === 0) {
    return '__index'
  }
  return pick(
    [
      `${phone(7000 + i)}@s.whatsapp.net`,
      `${lid(7000 + i)}@lid`,
      `${phone(7000 + i)}:3@s.whatsapp.net`,
      `${lid(7000 + i)}:99@hosted.lid`,
      DASH_GROUP(100 + i),
      `${lid(7000 + i)}@lid`
    ],
    i
  )
}
