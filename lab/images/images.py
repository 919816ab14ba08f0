"""The images that hosts boot from: a base of Debian, and a layer of packages for each kind of host.

Every image has a key, the hash of all that made it, and is built in a directory of its own that is
renamed when it is complete; so a half-built one is never used, and a changed recipe builds anew.
"""

from __future__ import annotations

import shutil
import subprocess
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lab import progress
from lab.checkout.locks import flocked
from lab.images import recipes
from lab.machine import boot, cgroups, disks
from lab.machine.controller import Surroundings
from lab.place import LabError, Place

BASE = "base"
PLAIN = "plain"


@dataclass(frozen=True)
class Layer:
    """An image or a layer of one, and where it lies."""

    name: str
    key: str
    path: Path

    @property
    def files(self) -> Path:
        """The directory tree itself."""
        return self.path / "fs"


def layers_for(place: Place, kind: str, around: Surroundings) -> list[Layer]:
    """The layers of one kind of host, top first, built or not."""
    recipe = recipes.KINDS[kind]
    base_key = recipes.base_key(around, recipe.suite)
    base = _layer(place, BASE, base_key)
    if not recipe.packages:
        return [base]
    return [_layer(place, kind, recipes.layer_key(recipe, base_key)), base]


def _layer(place: Place, name: str, key: str) -> Layer:
    return Layer(name, key, place.cache / "layers" / f"{name}-{key}")


def booted_from(place: Place, host: str) -> str | None:
    """The image below a host's disk; None for a host that was never booted."""
    for layer in disks.stack(place.host_dir(host)) or []:
        if layer.is_relative_to(place.cache / "layers"):
            name = layer.parent.name.rpartition("-")[0]
            return PLAIN if name == BASE else name
    return None


def ensure(place: Place, kinds: set[str], around: Surroundings) -> dict[str, list[Path]]:
    """Build what is missing and return the stack of each kind, top first.

    Raises:
        LabError: a build failed; the text ends with the last lines of its log.
    """
    wanted = {kind: layers_for(place, kind, around) for kind in sorted(kinds)}
    missing = [layers[0] for layers in wanted.values() if not layers[0].path.exists()]
    if missing:
        place.cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        with flocked(place.cache / "lock", "another lab command builds images"):
            _clear_half_built(place)
            for kind, layers in wanted.items():
                if not layers[-1].path.exists():
                    _build_base(place, layers[-1], around, recipes.KINDS[kind].suite)
            _build_layers(place, [layers for layers in wanted.values() if layers[0] in missing])
    return {kind: [layer.files for layer in layers] for kind, layers in wanted.items()}


def _build_layers(place: Place, missing: list[list[Layer]]) -> None:
    with ThreadPoolExecutor() as pool:
        builds = [pool.submit(_build_layer, place, layers[0], layers[-1]) for layers in missing]
        try:
            for build in builds:
                build.result()
        except BaseException:
            # Leaving the pool waits for the other builds, which nobody wants any more.
            for work in _half_built(place):
                cgroups.end(cgroups.build_group(place, work.name))
            raise


def _half_built(place: Place) -> list[Path]:
    return list((place.cache / "building").glob("*"))


def _clear_half_built(place: Place) -> None:
    for directory in _half_built(place):
        cgroups.end(cgroups.build_group(place, directory.name))
        disks.unmount(directory)
        shutil.rmtree(directory)


def _build_base(place: Place, layer: Layer, around: Surroundings, suite: str) -> None:
    with progress.step(f"building the base image, Debian {suite} (once a machine)"):
        work = _workshop(place, layer)
        files = work / "fs"
        run_logged(place, work, recipes.mmdebstrap_argv(around, suite, files))
        disks.put(files, recipes.base_files(around))
        run_logged(place, work, ["chroot", str(files), "/bin/sh", "-euc", recipes.BASE_SCRIPT])
        _finish(work, layer, files)


def _build_layer(place: Place, layer: Layer, base: Layer) -> None:
    if layer.path.exists():
        return
    with progress.step(f"building the {layer.name} image (once a machine)"):
        work = _workshop(place, layer)
        root = disks.mount([base.files], work)
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
        script = recipes.install_script(recipes.KINDS[layer.name])
        try:
            run_logged(place, work, recipes.install_argv(root, script))
        finally:
            disks.unmount(root)
        (work / "upper").rename(work / "fs")
        _finish(work, layer, work / "fs")


def _workshop(place: Place, layer: Layer) -> Path:
    work = place.cache / "building" / f"{layer.name}-{uuid.uuid4().hex[:8]}"
    work.mkdir(parents=True)
    return work


def _finish(work: Path, layer: Layer, files: Path) -> None:
    disks.strip(files, boot.STRIPPED)
    for leftover in ("root", "work"):
        shutil.rmtree(work / leftover, ignore_errors=True)
    layer.path.parent.mkdir(exist_ok=True)
    work.rename(layer.path)


def run_logged(place: Place, work: Path, argv: list[str]) -> None:
    """Run a build command in a control group of its own, its output in ``work``/build.log.

    Raises:
        LabError: it failed; with the end of its log.
    """
    group = cgroups.build_group(place, work.name)
    cgroups.make(group)
    log = work / "build.log"
    try:
        with log.open("ab") as output:
            done = subprocess.run(
                cgroups.entering(group, argv),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
    finally:
        cgroups.end(group)
    if done.returncode:
        last = "\n  ".join(log.read_text(errors="replace").splitlines()[-8:])
        raise LabError(f"{argv[0]} failed ({done.returncode}), log {log}:\n  {last}")
