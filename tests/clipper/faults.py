"""Runs that are killed, and what must hold of a home afterwards. For the tests and the reliability report."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

import clipper
from clipper import doctor
from clipper.home import Home
from clipper.settings import Settings

KILLED_RUN = Path(__file__).with_name("killed_run.py")
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
            "map": atlas.xy.tolist(),
            "vectors": atlas.vectors.tobytes(),
            "metadata": [atlas.metadata(row) for row in range(len(atlas))],
            "thumbnails": [atlas.thumbnail(row) for row in range(len(atlas))],
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
    told = {name: {"number": number, "first": name[0]} for number, name in enumerate(names)}
    (home / "images" / "metadata.json").write_text(json.dumps(told))
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
    told = json.loads((images / "metadata.json").read_text())
    told[files[6].stem] = {"number": -1}
    (images / "metadata.json").write_text(json.dumps(told))


def moments(home: Path) -> list[str]:
    """The moments that a run of this home comes by; the run is made."""
    return list(json.loads(_run(home).stdout))


def kill_at(home: Path, moment: str) -> bool:
    """Make a run that is killed at a moment; whether it came by it."""
    return _run(home, moment).returncode == -9


def kill_after(home: Path, seconds: float) -> bool:
    """Make a run that is killed after some time; whether it had not ended by then."""
    process = subprocess.Popen([sys.executable, str(KILLED_RUN), str(home)], stdout=subprocess.DEVNULL)
    time.sleep(seconds)
    process.kill()
    return process.wait() == -9


def duration(home: Path) -> float:
    """Seconds of a run, made."""
    started = time.monotonic()
    _run(home).check_returncode()
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
        found += [f"{damage.where}: {damage.what}" for damage in doctor.examine(Home(home))]
    _run(home).check_returncode()
    if (ended := state(home)) != after:
        wrong = [name for name in after if (ended or {}).get(name) != after[name]]
        found.append(f"after the next run {', '.join(wrong)} are not those of a clean run")
    found += [f"left behind: {path.name}" for path in (home / "store").rglob(".*.tmp")]
    found += [f"{damage.where}: {damage.what}" for damage in doctor.diagnose(Settings.load(home)).before]
    return found


def at_random(seconds: float, tries: int, *, seed: int = 0) -> list[float]:
    """Times within a run."""
    return (np.random.default_rng(seed).random(tries) * seconds).round(3).tolist()


def _run(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(KILLED_RUN), str(home), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)
