"""The reference of docs/service.md, made from the description's own fields and sentences.

``python -m tests.unit.docs.service`` writes it into the page anew.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "service.md"
SHAPE = ROOT / "hostswitch" / "description" / "description.py"
MARK, END = "<!-- made: fields -->", "<!-- end -->"


def reference() -> str:
    """A table a dataclass: field, shape, what it means."""
    classes = [one for one in ast.parse(SHAPE.read_text()).body if isinstance(one, ast.ClassDef)]
    return "\n\n".join(table(one) for one in reversed(classes))


def table(one: ast.ClassDef) -> str:
    sentence = (ast.get_docstring(one) or "").replace("\n", " ")
    rows = [
        f"| `{field.target.id}` | {shape(field)} | {meaning(after)} |"
        for field, after in zip(one.body, [*one.body[1:], None], strict=True)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    ]
    head = [f"### {one.name}", "", sentence, "", "| field | shape | |", "| --- | --- | --- |"]
    return "\n".join([*head, *rows])


def shape(field: ast.AnnAssign) -> str:
    text = ast.unparse(field.annotation).removesuffix(" | None")
    text = re.sub(
        r"Mapping\[str, (.*)\]", r"NAME: \1", re.sub(r"tuple\[(.*), \.\.\.\]", r"list of \1", text)
    )
    must = "" if field.value is not None else ", needed"
    return f"{text.lstrip('_')}{must}".replace("|", "or")


def meaning(after: ast.stmt | None) -> str:
    if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
        return " ".join(str(after.value.value).split())
    return ""


def made(page: str) -> str:
    """The page with its reference as it is now."""
    head, _, rest = page.partition(MARK)
    return f"{head}{MARK}\n{reference()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(made(PAGE.read_text()))
