"""Credentials and keys of each company, as they stand in PostgreSQL."""

from collections.abc import Iterator

from hostswitch.decide import gate
from hostswitch.description.claims import KEYS, Signalled
from sessionstore.errors import BadFile
from sessionstore.inspection.misfiled import WAY_ON, judge_of
from sessionstore.keys.credentials import credentials_of
from sessionstore.keys.names import Key
from sessionstore.keys.values import Value, digest, parse
from sessionstore.tables.layout import FILE_NAME

from .support import service_signals
from .support.absence import Evidence, explanation, paired
from .support.database import Row
from .support.declared import Declared
from .support.target import Target
from .support.wording import found, joined, listed, not_checked, problems

IMMUTABLE = ("pre-key", "app-state-sync-key", "identity-key")


def companies(declared: Declared) -> list[str]:
    """The host's companies, where they are declared to live in PostgreSQL."""
    if not declared.on_postgresql:
        not_checked("the declared provider is not PostgreSQL")
    return declared.companies


def recorded(target: Target, declared: Declared) -> dict[str, Row]:
    """The active import by which a company came into the database; not checked where none is recorded."""
    names = companies(declared)
    rows = target.database.rows(
        "SELECT company_id, import_id, key_count, creds_sha256 FROM whatsapp_imports"
        " WHERE company_id = ANY(%(names)s) AND state = 'active' ORDER BY company_id",
        names=names,
    )
    imports = {row["company_id"]: row for row in rows}
    if not imports:
        not_checked(f"no import is recorded of {joined(names)}: no rollout moved it there")
    several = joined([row["company_id"] for row in rows])
    assert len(imports) == len(rows), f"more than one active import of a company: {several}"
    return imports


def credentials_text(target: Target, company_id: str) -> str:
    """A company's credentials as JSON text; secret."""
    rows = target.database.rows(
        "SELECT creds::text AS creds FROM {credentials} WHERE company_id = %(company)s",
        company=target.database.tables.spelled(company_id),
    )
    assert rows, f"{company_id}: no credentials"
    return str(rows[0]["creds"])


def value_of(target: Target, text: str) -> Value:
    """A row's value as the service reads it."""
    return parse(text.encode(), target.database.tables.revived)


def app_state_key_of(text: str) -> str | None:
    """The key that credentials name; None where they name none, or are none that can be read."""
    try:
        value = parse(text.encode())
    except BadFile:
        return None  # test_each_company_has_its_credentials tells.
    key_id = value.get("myAppStateKeyId") if isinstance(value, dict) else None
    return key_id if isinstance(key_id, str) else None


@problems
def test_each_company_has_its_credentials(target: Target, declared: Declared) -> Iterator[str]:
    """The service would make new credentials, and the customer has to pair the phone again."""
    for company_id in paired(target, companies(declared)):
        try:
            credentials_of(value_of(target, credentials_text(target, company_id)))
        except AssertionError as missing:
            yield str(missing)
        except BadFile as problem:
            yield f"{company_id}: {problem}"


def test_each_company_has_its_keys(target: Target, declared: Declared) -> None:
    """Credentials without keys: no message of any customer decrypts."""
    rows = target.database.rows(
        "SELECT company_id, count(*) AS number FROM {keys} GROUP BY company_id"
    )
    bare = target.database.tables.bare
    numbers = {bare(row["company_id"]): row["number"] for row in rows}
    empty = [name for name in paired(target, companies(declared)) if not numbers.get(name)]
    assert not empty, f"no keys: {joined(empty)}"


@problems
def test_service_has_loaded_what_is_there(target: Target, declared: Declared) -> Iterator[str]:
    """The service works on another database, or another company, than the one that was checked."""
    question = "SELECT count(*) AS number FROM {keys} WHERE company_id = %(company)s"
    if not service_signals.tells(target, KEYS):
        not_checked("this kind of service does not answer how many keys it has loaded")
    for company_id in companies(declared):
        spelled = declared.tables.spelled(company_id)
        before = target.database.row(question, company=spelled)["number"]
        status = target.probe_anew("status.answer", str(declared.status_url)).get("answer", {})
        after = target.database.row(question, company=spelled)["number"]
        signals = declared.described.signals
        shown = gate.shown(signals, Signalled(status), [company_id]).get(company_id, {}).get(KEYS)
        if shown is None or not min(before, after) <= shown <= max(before, after):
            keys = "nothing" if shown is None else shown
            yield f"{company_id}: the service shows {keys}, the database has {after}"


def test_no_company_is_there_in_two_spellings(target: Target, declared: Declared) -> None:
    """`962302` and `company_962302` are two identities to the service: one of them is forgotten."""
    doubled = [
        other for name in companies(declared) for other in declared.tables.spellings(name)[1:]
    ]
    rows = target.database.rows(
        "SELECT company_id FROM {credentials} WHERE company_id = ANY(%(names)s)"
        " UNION SELECT company_id FROM {keys} WHERE company_id = ANY(%(names)s)",
        names=doubled,
    )
    assert not rows, f"also there: {joined([row['company_id'] for row in rows])}"


MISFILED = (
    f"keys under names that Baileys never asks for: {{}}. {WAY_ON}; "
    "baileys-hostswitch store misfiled shows each"
)


def misfiled(target: Target, declared: Declared) -> dict[str, list[Key]]:
    """What the misfiled rows of each company should be; companies without any are left out."""
    tables = declared.tables
    rows = target.database.rows(
        "SELECT company_id, spelled FROM {keys} WHERE company_id = ANY(%(names)s)",
        names=[name for one in companies(declared) for name in tables.spellings(one)],
    )
    judged, right = judge_of(tables), dict[str, list[Key]]()
    for row in rows:
        wrong = judged(tables.key_of(*row["spelled"].split("\x1f")))
        if wrong is not None:
            right.setdefault(tables.bare(row["company_id"]), []).append(wrong.right)
    return right


def test_keys_are_under_the_names_that_baileys_asks_for(target: Target, declared: Declared) -> None:
    """An importer that split names wrongly stored keys that Baileys never finds."""
    there = [f"{len(keys)} of {name}" for name, keys in misfiled(target, declared).items()]
    if there:
        found(MISFILED.format(listed(there)))


def test_no_key_expires(target: Target, declared: Declared) -> None:
    """A clean-up job deletes keys that have an expiry date, app-state-sync-keys included."""
    rows = target.database.rows(
        "SELECT company_id, key_type, count(*) AS number FROM {keys}"
        " WHERE company_id = ANY(%(names)s) AND expires_at IS NOT NULL GROUP BY 1, 2",
        names=[declared.tables.spelled(one) for one in companies(declared)],
    )
    found = [f"{r['company_id']}: {r['number']} keys of type {r['key_type']}" for r in rows]
    assert not found, f"with an expiry date: {listed(found)}"


def test_credentials_find_their_app_state_key(target: Target, declared: Declared) -> None:
    """Without the key that the credentials name, contacts and chats no longer synchronise."""
    named: list[tuple[str, Key]] = []
    for company_id in paired(target, companies(declared)):
        key_id = app_state_key_of(credentials_text(target, company_id))
        key = Key("app-state-sync-key", key_id or "")
        there = target.database.rows(
            "SELECT FROM {keys} WHERE company_id = %(company)s AND spelled = %(row)s",
            company=declared.tables.spelled(company_id),
            row="\x1f".join(declared.tables.row_of(key)),
        )
        if key_id and not there:
            named.append((company_id, key))
    lost = misfiled(target, declared) if named else {}
    gone = [f"{name}: {key} is missing" for name, key in named if key not in lost.get(name, [])]
    assert not gone, listed(gone)
    if named:
        names = joined([name for name, _ in named])
        found(f"the key that the credentials name is there under a wrong name: {names}")


@problems
def test_no_import_is_left_half_done(target: Target, declared: Declared) -> Iterator[str]:
    """A switch died between staging and activation, and nobody finished or put it back."""
    rows = target.database.rows(
        "SELECT company_id, rollout_id FROM whatsapp_imports"
        " WHERE state = 'staged' AND company_id = ANY(%(names)s)",
        names=companies(declared),
    )
    for row in rows:
        yield f"{row['company_id']} is staged by {row['rollout_id']}"


@problems
def test_the_record_is_complete(target: Target, declared: Declared) -> Iterator[str]:
    """A record that lost lines would let files be removed that nobody accounted for."""
    for company_id, one in recorded(target, declared).items():
        lines = target.database.row(
            "SELECT count(*) FILTER (WHERE key_type IS NOT NULL) AS keys,"
            " count(*) FILTER (WHERE file_name = 'creds.json'"
            " AND value_sha256 = %(creds)s) AS creds"
            " FROM whatsapp_import_files WHERE import_id = %(id)s",
            id=one["import_id"],
            creds=one["creds_sha256"],
        )
        if (lines["keys"], lines["creds"]) != (one["key_count"], 1):
            yield (
                f"{company_id}: {lines['keys']} of {one['key_count']} keys and "
                f"{lines['creds']} of 1 credentials are on record"
            )


def absent(target: Target, one: Row, company_id: str) -> list[Row]:
    """Imported keys without a row of this type and id that gives back the file's name.

    All are asked for: the wrongly split ('pre', 'key-1') gives back pre-key-1.json too, and is
    never found by Baileys. Where a row is named as the file was, that says all of it.
    """
    return target.database.rows(
        "SELECT file.file_name, file.key_type, file.key_id FROM whatsapp_import_files file"
        " LEFT JOIN {keys} ON keys.company_id = %(company)s AND keys.key_type = file.key_type"
        " AND (keys.key_id = file.key_id OR %(as_files)s) AND keys.file_name = file.file_name"
        " WHERE file.import_id = %(id)s AND file.key_type IS NOT NULL"
        " AND keys.company_id IS NULL ORDER BY file.file_name",
        id=one["import_id"],
        company=target.database.tables.spelled(company_id),
        as_files=target.database.tables.keys.spelling == FILE_NAME,
    )


def evidence_for(target: Target, one: Row, company_id: str) -> Evidence:
    """What the database shows of a company that may explain what is absent."""
    value = value_of(target, credentials_text(target, company_id))
    rows = target.database.rows(
        "SELECT key_type, key_id, CASE key_type WHEN 'lid-mapping' THEN text END AS lid"
        " FROM {keys} WHERE company_id = %(company)s AND key_type IN ('session', 'lid-mapping')",
        company=target.database.tables.spelled(company_id),
    )
    return Evidence(
        credentials_moved_on=digest(value) != one["creds_sha256"],
        first_unuploaded_pre_key=credentials_of(value).clocks.first_unuploaded_pre_key,
        lid_of={row["key_id"]: row["lid"].strip('"') for row in rows if row["lid"]},
        sessions={row["key_id"] for row in rows if row["key_type"] == "session"},
    )


@problems
def test_no_imported_key_is_absent_without_reason(
    target: Target, declared: Declared
) -> Iterator[str]:
    """A key was lost: a conversation, a group or the synchronisation of a customer is broken."""
    for company_id, one in recorded(target, declared).items():
        missing = absent(target, one, company_id)
        evidence = evidence_for(target, one, company_id) if missing else None
        for row in missing:
            if evidence and explanation(row["key_type"], row["key_id"], evidence) is None:
                yield f"{company_id}: {row['file_name']} was imported, and is absent without explanation"


@problems
def test_immutable_keys_are_as_imported(target: Target, declared: Declared) -> Iterator[str]:
    """A pre-key or identity that changed is a damaged one: messages to it never decrypt."""
    for company_id, one in recorded(target, declared).items():
        rows = target.database.rows(
            "SELECT file.file_name, file.value_sha256, keys.text AS value"
            " FROM whatsapp_import_files file JOIN {keys} ON keys.company_id = %(company)s"
            " AND keys.key_type = file.key_type AND keys.file_name = file.file_name"
            " WHERE file.import_id = %(id)s AND file.key_type = ANY(%(types)s)",
            company=declared.tables.spelled(company_id),
            id=one["import_id"],
            types=list(IMMUTABLE),
        )
        for row in rows:
            if digest(value_of(target, row["value"])) != row["value_sha256"]:
                yield f"{company_id}: {row['file_name']} is not what was imported"
