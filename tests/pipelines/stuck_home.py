"""What `dagster dev` loads in tests of Terminate: a home whose run stays in the phase that a file names."""

import ctypes
import os
import time
from pathlib import Path
from typing import Any, NoReturn

import dagster as dg

from clipper.indexing import collect, project, scan
from clipper.models.encoder import Encoder
from pipelines.definitions import build_definitions

FOLDER = Path(os.environ["STUCK_HOME"])
phase = (FOLDER / "phase").read_text() if (FOLDER / "phase").exists() else ""


def there() -> None:
    (FOLDER / "reached").touch()


def in_python(*_: Any) -> NoReturn:
    there()
    while True:
        time.sleep(0.05)


def in_native_code(*_: Any) -> None:
    """Wait for a mutex that this thread holds itself: no signal ends that, and Python runs no handler."""
    mutex = ctypes.create_string_buffer(128)
    library = ctypes.CDLL(None)
    library.pthread_mutex_lock(mutex)
    there()
    library.pthread_mutex_lock(mutex)


def without_a_disk(*_: Any) -> NoReturn:
    there()
    raise OSError(5, "Input/output error")


embed_pixels = Encoder.embed_pixels


batches: list[int] = []


def embed_slowly(self: Encoder, crops: Any) -> Any:
    if batches:
        there()
        time.sleep(0.5)
    batches.append(len(crops))
    return embed_pixels(self, crops)


if phase == "scan":
    scan.scan_images = in_python
if phase == "embed":
    Encoder.embed_pixels = embed_slowly
if phase == "map":
    project.project_images = in_native_code
if phase == "retry":
    collect.collect = without_a_disk


def without_sensors(whole: dg.Definitions) -> dg.Definitions:
    """The definitions without what starts runs: there are no runs but those of the test."""
    return dg.Definitions(
        assets=whole.assets,
        asset_checks=whole.asset_checks,
        jobs=whole.jobs,
        resources=whole.resources,
        executor=whole.executor,
    )


defs = without_sensors(build_definitions())
