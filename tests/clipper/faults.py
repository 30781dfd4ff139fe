"""Runs that are killed, and what must hold of a home afterwards. For the tests and the reliability report."""

import json
import multiprocessing
import os
import shutil
import tempfile
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import killed_run
import numpy as np
from PIL import Image, ImageOps

import clipper
from clipper.doctor import repair
from clipper.settings import Settings
from clipper.store.home import Home

# Each run is a process of its own, forked from one that has imported what takes seconds to import.
PROCESSES = multiprocessing.get_context("forkserver" if os.name == "posix" else "spawn")
PROCESSES.set_forkserver_preload(
    ["killed_run", "torch", "transformers.models.clip.modeling_clip", "umap", "chromadb"]
)
DATA = Path(__file__).resolve().parents[2] / "data"


def state(home: Path, *, filtered: bool = True) -> dict[str, object] | None:
    """What a reader gets of what is published, Chroma's part only if `filtered`; None where nothing is."""
    if clipper.published_version(home) is None:
        return None
    atlas = clipper.open(home)
    try:
        found = atlas.search("cat", k=5, where={"bytes": {"$gt": 0}} if filtered else None)
        return {
            "ids": atlas.ids,
            "map": atlas._engine.xy.tolist(),
            "vectors": atlas.vectors.tobytes(),
            "metadata": [atlas._engine.metadata(row) for row in range(len(atlas))],
            "thumbnails": [atlas._engine.thumbnail(row) for row in range(len(atlas))],
            "failures": atlas.failures.to_dict("records"),
            "found": found[["id", "similarity"]].to_dict("records"),
            "version": atlas.version,
        }
    finally:
        atlas.close()


def begin(home: Path, count: int) -> None:
    """A home with images, metadata and a file that is no image, not indexed yet."""
    (home / "images").mkdir(parents=True)
    files = sorted((DATA / "images").glob("*.jpg"))
    for file in files[:: len(files) // count][:count]:
        shutil.copy2(file, home / "images")
    names = [file.stem for file in sorted((home / "images").glob("*.jpg"))]
    entries = {name: {"number": number, "first": name[0]} for number, name in enumerate(names)}
    (home / "images" / "metadata.json").write_text(json.dumps(entries))
    (home / "images" / "broken.jpg").write_bytes(b"no image")
    (home / "clipper.toml").write_text(f"model = {json.dumps(str(DATA / 'models' / 'clip-emoji'))}\n")


def change(home: Path) -> None:
    """A little of everything: added, replaced, renamed, copied, deleted, broken, mended; metadata edited."""
    images = home / "images"
    files = sorted(images.glob("*.jpg"))
    files = [file for file in files if file.name != "broken.jpg"]
    for file in sorted((DATA / "images").glob("*.jpg"))[7:10]:
        shutil.copy2(file, images / f"added-{file.name}")
    with Image.open(files[0]) as image:
        ImageOps.invert(image.convert("RGB")).save(files[0])
    files[1].rename(images / "renamed.jpg")
    shutil.copy2(files[2], images / "copied.jpg")
    files[3].unlink()
    files[4].write_bytes(b"broken")
    shutil.copy2(files[5], images / "broken.jpg")
    entries = json.loads((images / "metadata.json").read_text())
    entries[files[6].stem] = {"number": -1}
    (images / "metadata.json").write_text(json.dumps(entries))


def moments(home: Path) -> list[str]:
    """The moments that a run of this home comes by; the run is made."""
    with tempfile.NamedTemporaryFile() as log:
        assert _ended(_start(home, log=log.name)) == 0
        return list(json.loads(Path(log.name).read_text()))


def kill_at(home: Path, moment: str) -> bool:
    """Make a run that is killed at a moment; whether it came by it."""
    return _ended(_start(home, moment)) == -9


def kill_after(home: Path, seconds: float) -> bool:
    """Make a run that is killed after some time; whether it had not ended by then."""
    process = _start(home)
    time.sleep(seconds)
    process.kill()
    return _ended(process) == -9


def duration(home: Path) -> float:
    """Seconds of a run, made."""
    started = time.monotonic()
    assert _ended(_start(home)) == 0
    return time.monotonic() - started


def losses(home: Path, *, before: dict[str, object] | None, after: dict[str, object]) -> list[str]:
    """What is wrong with a home whose run was killed, now and once another run has ended.

    Args:
        home: of the run that was killed.
        before: the state that was published when it began.
        after: the state that the same run gives when nothing interrupts it.
    """
    found = []
    published = state(home)
    if published not in (before, after):
        found.append("what is published is neither the old version nor the new one")
    if published is not None:
        found += [f"{damage.where}: {damage.what}" for damage in repair.examine(Home(home))]
    assert _ended(_start(home)) == 0
    if (ended := state(home)) != after:
        wrong = [name for name in after if (ended or {}).get(name) != after[name]]
        found.append(f"after the next run {', '.join(wrong)} are not those of a clean run")
    found += [f"left behind: {path.name}" for path in (home / "store").rglob(".*.tmp")]
    found += [f"{damage.where}: {damage.what}" for damage in repair.diagnose(Settings.load(home)).before]
    return found


def at_random(seconds: float, tries: int, *, seed: int = 0) -> list[float]:
    """Times within a run."""
    return (np.random.default_rng(seed).random(tries) * seconds).round(3).tolist()


def _start(home: Path, moment: str | None = None, log: str = os.devnull) -> BaseProcess:
    process = PROCESSES.Process(target=killed_run.main, args=(str(home), moment, log))
    process.start()
    return process


def _ended(process: BaseProcess) -> int | None:
    process.join()
    return process.exitcode
