"""Where measurements of engines are kept: the choice with an atlas's vectors, speeds in the user's cache.

What does not belong here: measuring (`calibration.py`).
"""

import json
import platform
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from clipper.caches import cache_folder
from clipper.errors import StoreError
from clipper.hashing import checksum_holds, digest
from clipper.models.engines.calibration import Calibration
from clipper.store.home import damage_error, read_json, write_json

if TYPE_CHECKING:
    import torch

# Bump it when the engines become faster or slower: they are timed again.
ENGINES_VERSION = "2"
CHOICE_NAME = "engine.json"
_KEPT = 64  # measurements on this machine; the one that was written first goes first
_LIBRARIES = ("torch", "transformers", "numba", "numpy")


def read_choice(folder: Path) -> Calibration | None:
    """Read how the vectors in a folder are made; None if nothing was measured for them, or it is damaged.

    Args:
        folder: the vectors of one model in one home.
    """
    try:
        return verify_choice(folder / CHOICE_NAME)
    except StoreError:
        return None


def verify_choice(path: Path) -> Calibration:
    """Read a file that `write_choice` wrote.

    Raises:
        StoreError: it is missing or damaged.
    """
    try:
        return Calibration.from_dict(read_json(path))
    except (KeyError, TypeError, ValueError) as error:
        raise damage_error(path, error) from error


def write_choice(folder: Path, choice: Calibration) -> None:
    """Write how the vectors in a folder are made.

    Raises:
        OSError: the folder cannot be written.
    """
    write_json(folder / CHOICE_NAME, choice.to_dict())


def describe_machine(device: "torch.device") -> str:
    """Name what determines the speed of an engine: processor or GPU, threads, versions of the libraries."""
    import torch

    if device.type == "cuda":
        unit = torch.cuda.get_device_name(device)
    else:
        capability = torch.backends.cpu.get_cpu_capability()
        unit = f"{_processor()}, {capability}, {torch.get_num_threads()} threads"
    return f"{device.type} {unit}; " + ", ".join(f"{name} {_version(name)}" for name in _LIBRARIES)


def read_speeds(fingerprint: str, machine: str) -> dict[str, float]:
    """Return the images per second of each engine that this machine was timed with; {} if it was not.

    Args:
        fingerprint: of the model.
        machine: what `describe_machine` returns.
    """
    path = _speeds_path(fingerprint, machine)
    try:
        kept = json.loads(path.read_text("utf-8")) if path else {}
        if not kept or not checksum_holds(kept):
            return {}
        return {str(name): float(speed) for name, speed in kept["images_per_second"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def keep_speeds(fingerprint: str, machine: str, speeds: Mapping[str, float]) -> None:
    """Keep what was timed, if this user has a cache."""
    if (path := _speeds_path(fingerprint, machine)) is None:
        return
    with suppress(OSError):
        write_json(path, {"machine": machine, "fingerprint": fingerprint, "images_per_second": dict(speeds)})
        kept = sorted(path.parent.glob("[!.]*.json"), key=lambda each: each.stat().st_mtime_ns, reverse=True)
        for old in kept[_KEPT:]:
            old.unlink(missing_ok=True)


def _speeds_path(fingerprint: str, machine: str) -> Path | None:
    folder = cache_folder("clipper")
    name = digest(ENGINES_VERSION, fingerprint, machine)
    return folder / "engines" / f"{name}.json" if folder else None


def _processor() -> str:
    """Return the processor's name as the system has it."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "?"
