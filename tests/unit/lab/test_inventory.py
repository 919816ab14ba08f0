"""The lab's hosts as read from the inventory: complete, or every mistake at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.checkout import inventory
from lab.place import LabError, Place

IMAGES = ("service", "database")
PLACE = Place(checkout=Path("/nowhere"))


def parsed(**hosts: Any) -> tuple[list[str], list[str]]:
    """Names and mistakes of an inventory of these hosts."""
    specs, mistakes = inventory.parse({"all": {"hosts": hosts}}, PLACE, IMAGES)
    return [spec.name for spec in specs], mistakes


def test_nested_groups_and_variables_of_groups() -> None:
    """Ansible inventories nest, and a group's variables hold for its hosts unless they differ."""
    tree = {
        "all": {
            "children": {
                "lab": {
                    "vars": {"lab_image": "service"},
                    "children": {
                        "service": {"hosts": {"a": {"ansible_host": "198.51.100.11"}}},
                        "db": {
                            "hosts": {"b": {"ansible_host": "198.51.100.12"}},
                            "vars": {"lab_image": "database"},
                        },
                    },
                }
            }
        }
    }
    specs, mistakes = inventory.parse(tree, PLACE, IMAGES)
    assert not mistakes
    assert [(spec.name, spec.image) for spec in specs] == [("a", "service"), ("b", "database")]


def test_every_mistake_is_listed() -> None:
    """An operator mends all of them in one go."""
    names, mistakes = parsed(
        good={"ansible_host": "198.51.100.11", "lab_image": "service"},
        twin={"ansible_host": "198.51.100.11", "lab_image": "service"},
        imageless={"ansible_host": "198.51.100.12"},
        elsewhere={"ansible_host": "203.0.113.1", "lab_image": "service"},
        gateway={"ansible_host": "198.51.100.1", "lab_image": "service"},
        nowhere={"lab_image": "database"},
        averyverylongname={"ansible_host": "198.51.100.13", "lab_image": "service"},
    )
    assert names == ["good", "twin"]
    by_host = {mistake.split(":")[0] for mistake in mistakes}
    everyone = {"good", "twin", "imageless", "elsewhere", "gateway", "nowhere", "averyverylongname"}
    assert by_host == everyone


@pytest.mark.parametrize("text", [None, "", "all: [", "all: {hosts: {}}"])
def test_an_unusable_inventory_is_one_error_that_names_it(text: str | None, tmp_path: Path) -> None:
    """Missing, empty, broken, without hosts: never a traceback."""
    place = Place(checkout=tmp_path)
    place.inventory.parent.mkdir()
    if text is not None:
        place.inventory.write_text(text)
    with pytest.raises(LabError, match=r"inventory/lab\.yml"):
        inventory.load(place, IMAGES)
