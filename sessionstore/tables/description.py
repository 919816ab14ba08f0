"""A layout as a plan describes it: what may stand there, and what can't be so. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sessionstore.errors import Refused
from sessionstore.keys.names import HOLE
from sessionstore.keys.values import ARRAY, BASE64
from sessionstore.tables.layout import (
    APART,
    FILE_NAME,
    JOINED,
    CredentialsTable,
    KeyTable,
    Tables,
)

_LONGEST_NAME = 63  # bytes of an identifier: the server cuts off what is longer

#: What a value has to be, in words; and whether one is.
_Form = tuple[str, Callable[[Any], bool]]


def _is_name(value: object) -> bool:
    # A percent sign would begin a parameter in a statement; nobody has one in a name.
    return (
        isinstance(value, str)
        and 0 < len(value.encode("utf-8", "replace")) <= _LONGEST_NAME
        and not set("%\0") & set(value)
    )


def _are_names(value: object) -> bool:
    return isinstance(value, (list, tuple)) and len(value) in (1, 2) and all(map(_is_name, value))


def _is_company(value: object) -> bool:
    return value is None or (isinstance(value, str) and bool(value))


def _some_of(value: object, known: tuple[str, ...]) -> bool:
    return (
        isinstance(value, (list, tuple))
        and all(one in known for one in value)
        and len(value) == len(set(value)) > 0
    )


_NAME: _Form = ("a name", _is_name)
_NAME_OR_NONE: _Form = ("a name, or null", lambda value: value is None or _is_name(value))
_TYPE: _Form = ("jsonb, json or text", lambda value: value in ("jsonb", "json", "text"))
_FORMS: Mapping[str, _Form] = {
    "schema": _NAME,
    "keys": (
        "an object: where keys are elsewhere (in Redis, in files) and credentials alone in a table, the"
        " service has moved half-way, and nothing can be proven of its keys here",
        lambda value: isinstance(value, Mapping),
    ),
    "credentials": ("an object", lambda value: isinstance(value, Mapping)),
    "company": (
        f"a text with {HOLE} in it, once",
        lambda value: isinstance(value, str) and value.count(HOLE) == 1,
    ),
    "only": ("a company's bare id, or null", _is_company),
    "buffers": (
        f"a list of {BASE64} and {ARRAY}, or of one of them",
        lambda value: _some_of(value, (BASE64, ARRAY)),
    ),
}
_KEYS: Mapping[str, _Form] = {
    "table": _NAME,
    "company": _NAME_OR_NONE,
    "key": ("a list of one name or two", _are_names),
    "value": _NAME,
    "type": _TYPE,
    "spelling": (
        f"{APART}, {JOINED} or {FILE_NAME}",
        lambda value: value in (APART, JOINED, FILE_NAME),
    ),
    "updated_at": _NAME_OR_NONE,
    "expires_at": _NAME_OR_NONE,
}
_CREDENTIALS: Mapping[str, _Form] = {
    **{name: _KEYS[name] for name in ("table", "company", "value", "type", "updated_at")},
    "row": (
        "an object: columns, and the text in each",
        lambda value: (
            isinstance(value, Mapping)
            and all(_is_name(name) and _is_name(text) for name, text in value.items())
        ),
    ),
}
_PARTS: Mapping[str, tuple[Any, Mapping[str, _Form], tuple[str, ...]]] = {
    "keys": (KeyTable, _KEYS, ("table", "key", "value")),
    "credentials": (CredentialsTable, _CREDENTIALS, ("table", "value")),
}


def described(given: object, *, only_known: bool = True) -> Tables:
    """Read a layout; what it does not say of the tables is as in the lab's.

    Where it is not known yet which company tables without one are of, that is no mistake.

    Raises:
        Refused: with every mistake in it; or keys can't be kept in such a layout.
    """
    mistakes: list[str] = []
    told = _read(given, _FORMS, "tables", mistakes)
    for name, (part, forms, needed) in _PARTS.items():
        if name not in told:
            continue
        of_part = _read(told[name], forms, f"tables.{name}", mistakes)
        mistakes += [f"tables.{name} lacks {one}" for one in needed if one not in told[name]]
        told[name] = None if mistakes else part(**{"company": None, **of_part})
    found = None if mistakes else Tables(**told)
    mistakes += _inconsistencies(found, only_known) if found else ()
    if found is None or mistakes:
        what = f"the tables' description has {len(mistakes)} mistake(s), the first: {mistakes[0]}"
        remedy = "Mend the description of the service's tables."
        raise Refused(what, "", remedy, mistakes)
    return found


def _read(
    given: object, forms: Mapping[str, _Form], where: str, mistakes: list[str]
) -> dict[str, Any]:
    """What has the form that it must have; of the rest each is a mistake."""
    if not isinstance(given, Mapping):
        mistakes.append(f"{where} must be an object")
        return {}
    found = {}
    for name, value in given.items():
        form, fits = forms.get(name, ("", None))
        if fits is None:
            mistakes.append(f"{where} has no {name}; it has {', '.join(forms)}")
        elif not fits(value):
            mistakes.append(f"{where}.{name} must be {form}")
        elif isinstance(value, Mapping) and name == "row":
            found[name] = tuple(sorted(value.items()))
        else:
            found[name] = tuple(value) if isinstance(value, list) else value
    return found


def _inconsistencies(tables: Tables, only_known: bool) -> list[str]:
    """What can't be so, or is no layout in which a key can be moved and proven."""
    keys, credentials = tables.keys, tables.credentials
    companies = (keys.company, credentials.company)
    among_keys = tables.one_table and not credentials.row
    columns = "two columns" if keys.spelling == APART else "one column"
    wrong = {
        f"tables.keys.key: a key spelled {keys.spelling} is in {columns}": (
            (len(keys.key) == 2) != (keys.spelling == APART)
        ),
        "tables: one row holds a whole session, credentials and keys in one value, so no single key can be"
        " moved into it or proven there: first let the service keep each key in a row of its own": (
            among_keys and keys.value == credentials.value
        ),
        "tables.credentials.row: in the keys' own table it tells which row is the credentials'": (
            among_keys and keys.value != credentials.value
        ),
        "tables.only: no column says whose a row is, so all are one company's: name it, where the"
        " environment has no other": only_known and None in companies and tables.only is None,
        "tables.only: a column says whose a row is already": (
            None not in companies and tables.only is not None
        ),
    }
    return [sentence for sentence, is_so in wrong.items() if is_so]
