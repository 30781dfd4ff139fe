"""One pass of `clipper index` that is killed (SIGKILL) at a named moment; run in a process of its own.

The moments are those at which something on disk has just changed, or is about to: nothing of Clipper knows of
them.
"""

import json
import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clipper.chroma import build, fill
from clipper.indexing import run
from clipper.settings import Settings


class Moments:
    """Counts the moments a run comes by, and ends the process at one of them."""

    def __init__(self, fatal: str | None) -> None:
        self.fatal = fatal
        self.seen: Counter[str] = Counter()

    def pass_by(self, name: str) -> None:
        self.seen[name] += 1
        if f"{name} {self.seen[name]}" == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, owner: Any, attribute: str, name_of: Callable[..., str | None]) -> None:
        """Pass by before and after each call of a function that `name_of` gives a name."""
        function = getattr(owner, attribute)

        def watched(*args: Any, **more: Any) -> Any:
            name = name_of(*args, **more)
            if name:
                self.pass_by(f"before {name}")
            result = function(*args, **more)
            if name:
                self.pass_by(f"after {name}")
            return result

        setattr(owner, attribute, watched)


def renamed(_path: Path, target: Path) -> str | None:
    """What a rename puts in place: `embeddings shard`, `projection table`, `current.json`, ..."""
    store = next((folder for folder in Path(target).parents if folder.name == "store"), None)
    if store is None:
        return None
    part = Path(target).relative_to(store).parts[0]
    kinds = {".arrow": "shard", ".parquet": "table", ".json": "origin", "": "folder"}
    return f"{part} {kinds[Path(target).suffix]}" if part != Path(target).name else part


def deleted(path: Path, **_: Any) -> str | None:
    return "a deletion" if Path(path).exists() else None


def watch(moments: Moments) -> None:
    moments.around(Path, "replace", renamed)
    moments.around(Path, "rename", renamed)
    moments.around(Path, "unlink", deleted)
    moments.around(shutil, "rmtree", deleted)
    moments.around(fill, "_fill", lambda *_, **__: "filling of the collection")
    moments.around(build, "_tune", lambda *_, **__: "sealing of the collection")
    copyfile = shutil.copyfile

    def copied(source: Path, target: Path) -> Path:
        moments.pass_by("within the copying of the collection")
        return copyfile(source, target)

    shutil.copyfile = copied


def main(home: str, fatal: str | None, log: str) -> None:
    """Run, and be killed at the moment `fatal`; without one, write those that a run comes by to `log`."""
    moments = Moments(fatal)
    watch(moments)

    def progress(stage: str, done: int, total: int) -> None:
        if done in (total, (total + 1) // 2):
            moments.pass_by(f"{stage}, {'at the end' if done == total else 'half-way'}")

    run.index(Settings.load(home), progress=progress)
    seen = [f"{name} {nth + 1}" for name, count in moments.seen.items() for nth in range(count)]
    Path(log).write_text(json.dumps(seen))
