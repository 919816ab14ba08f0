"""JSON into dataclasses: every mistake is told with its place, not only the first."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from hostswitch.base.errors import HostError

T = TypeVar("T")

_SHAPES: dict[Any, str] = {
    str: "text",
    bool: "true or false",
    int: "a number, 0 or more",
    float: "a number, 0 or more",
    tuple: "a list",
    Mapping: "an object",
}


class PlanError(HostError):
    """What came on standard input has mistakes; the text lists all of them."""


@dataclass(frozen=True)
class Form:
    """What a value has to be beside its type: the metadata of an `Annotated`."""

    demand: str
    holds: Callable[[Any], bool]


def matching(pattern: str) -> Form:
    return Form(f"text of the form {pattern}", lambda text: bool(re.fullmatch(pattern, text)))


def one_of(*values: str) -> Form:
    return Form(f"one of: {', '.join(values)}", lambda text: text in values)


def _plain(path: str) -> bool:
    return not {"", ".", ".."}.intersection(path.split("/"))


Line = Annotated[str, matching(".+")]
AbsolutePath = Annotated[
    Line,
    Form("an absolute path without . and ..", lambda path: path[:1] == "/" and _plain(path[1:])),
]
RelativePath = Annotated[Line, Form("a relative path without . and ..", _plain)]


def load(cls: type[T], text: str, what: str) -> T:
    """Read a dataclass from JSON; a field that has a default may be missing or null.

    One with a method `checked` is what that returns. Raises PlanError, which lists all mistakes.
    """
    problems: list[str] = []
    found: T = structured(cls, parsed(text, what), what, problems)
    if problems:
        listed = "\n".join(f"- {problem}" for problem in problems)
        raise PlanError(f"the {what} on standard input has mistakes:\n{listed}")
    return found


def parsed(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PlanError(f"the {what} on standard input is not JSON: {error}") from None


def structured(shape: Any, value: Any, place: str, problems: list[str]) -> Any:
    """A value in its shape; what is wrong goes to `problems`, and something harmless in its place.

    A shape is a dataclass, str, bool, int, float (neither negative), tuple[X, ...], Mapping[str, X],
    X | None, Any, or Annotated[X, Form].
    """
    shape, *forms = get_args(shape) if get_origin(shape) is Annotated else (shape,)
    kind, inside = get_origin(shape) or shape, get_args(shape)
    optional = kind in (Union, UnionType)
    if kind is Any or (optional and value is None):
        return value
    if optional:
        return structured(inside[0], value, place, problems)
    if is_dataclass(kind):
        return _object(kind, value, place, problems)
    fits = _is(kind, value)
    wrong = (
        next((one.demand for one in forms if not one.holds(value)), None) if fits else _SHAPES[kind]
    )
    if wrong is not None:
        problems.append(f"{place} must be {wrong}")
        return {} if kind is Mapping else kind()
    if kind is tuple:
        each = enumerate(value)
        value = [structured(inside[0], one, f"{place}[{at}]", problems) for at, one in each]
    if kind is Mapping:
        pairs = value.items()
        return {at: structured(inside[1], one, f"{place}.{at}", problems) for at, one in pairs}
    return kind(value)


def _is(kind: Any, value: Any) -> bool:
    if kind in (int, float):
        return type(value) in (int, float) and 0 <= value < math.inf
    if kind is str:
        return isinstance(value, str) and "\0" not in value
    return type(value) is {tuple: list, Mapping: dict}.get(kind, kind)


def _object(cls: Any, value: Any, place: str, problems: list[str]) -> Any:
    if not isinstance(value, dict):
        problems.append(f"{place} must be an object")
        value, problems = {}, []
    shapes = get_type_hints(cls, include_extras=True)
    problems += [f"{place}.{name} is not known" for name in value if name not in shapes]
    found = {}
    for one in fields(cls):
        given = value.get(one.name)
        if given is not None or one.default is one.default_factory is MISSING:
            at = f"{place}.{one.name}"
            found[one.name] = structured(shapes[one.name], given, at, problems)
    made = cls(**found)
    return made.checked(problems) if hasattr(cls, "checked") else made
