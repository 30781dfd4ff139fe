"""The step `umap_projection`: bring the map up to date, starting from the map of the last run.

An unchanged dataset keeps its map; another model or other parameters start a new one. What does not belong
here: placing images and deciding on a refit (`projection/update.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version as library_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipper.hashing import digest
from clipper.images.decode import PIXELS_VERSION
from clipper.indexing.staging.workspace import Step, Workspace, timed
from clipper.projection.layout import FIT, PLACE, RELAX, Layout, Parameters
from clipper.projection.quality import MapDrift, describe_drift, measure_trust
from clipper.projection.update import EarlierMap, MapUpdate, start_map, update_map
from clipper.store import embeddings
from clipper.store.manifest import Entry
from clipper.store.shards import REVISION
from clipper.store.tables import is_written, read_made_of, read_parquet, write_part

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = ("content_hash", "x", "y", "placed_by")
# Positions of images that are gone are kept in a file of their own; this key holds how many.
DEPARTED = "departed"
WAY_OUT = 'with refit = "auto" in clipper.toml (or CLIPPER_REFIT=auto) the next run lays the map out again'


@dataclass(frozen=True)
class EarlierProjection:
    """The map of the last run: its version, what it was made of, its file."""

    version: str
    made_of: Mapping[str, Any]
    path: Path

    @property
    def departed(self) -> Path:
        """The file with the positions of images that are gone; one that comes back gets its own again."""
        return departed_of(self.path)

    def places(self) -> dict[bytes, tuple[float, float, str]]:
        """Return each known position by content hash: x, y, and how the image got there."""
        there = read_parquet(self.path).select(COLUMNS)
        tables = [read_parquet(self.departed), there] if self.departed.exists() else [there]
        columns = ([value for table in tables for value in table[name].to_pylist()] for name in COLUMNS)
        return {key: (x, y, by) for key, x, y, by in zip(*columns, strict=True)}


def departed_of(path: Path) -> Path:
    """Return the file with the positions of images that are gone, for the projection at `path`."""
    return path.with_suffix(f".{DEPARTED}.parquet")


def project_images(work: Workspace) -> Step:
    """Step 5, `umap_projection`: an image with a position keeps it; a new image is placed.

    An unchanged folder changes nothing, with one exception: a refit that is due, and that `refit = "never"`
    put off, is made as soon as the setting allows it.
    """
    with timed("umap_projection") as step:
        work.drop_condemned("projection")
        manifest_version, _ = work.manifest()
        _, model, _ = work.embeddings()
        members = work.members()
        frame = digest(Parameters.from_settings(work.settings).to_json(), model["fingerprint"])
        remade = work.remade({entry.content_hash for entry in members})
        identity = [(e.id, e.content_hash.hex()) for e in members]
        inputs = digest(frame, identity, *([PIXELS_VERSION, remade] if remade else []))
        before = _staged(work)
        if before and before.made_of["inputs"] == inputs and not _put_off(before, work):
            step.version, made_of = before.version, before.made_of
        else:
            step.version, made_of = _project(work, members, before, frame=frame, inputs=inputs, remade=remade)
        work.stage(projection=step.version, projection_manifest=manifest_version)
        state = MapDrift.from_json(made_of["state"])
        step.counts = {"images": len(members), **made_of["counts"], **made_of["quality"], **state.figures}
        step.notes = [f"{words}; {WAY_OUT}" for words in describe_drift(state)]
    return step


def _staged(work: Workspace) -> EarlierProjection | None:
    version = work.staged.projection
    path = work.home.part("projection", version) if version else None
    if not version or path is None or not is_written(path):
        return None
    return EarlierProjection(version, read_made_of(path), path)


def _put_off(before: EarlierProjection, work: Workspace) -> bool:
    """Return whether a refit is due that the settings allow by now."""
    return bool(MapDrift.from_json(before.made_of["state"]).due) and work.settings.refit != "never"


def _project(
    work: Workspace,
    members: Sequence[Entry],
    before: EarlierProjection | None,
    *,
    frame: str,
    inputs: str,
    remade: Sequence[str],
) -> tuple[str, Mapping[str, Any]]:
    """Bring the map up to date and write it. Return its version, and what it was made of."""
    keys = list(dict.fromkeys(entry.content_hash for entry in members))
    _, _, store = work.embeddings()
    vectors = embeddings.read(store, keys)
    graph = work.graph(keys)
    parameters = Parameters.from_settings(work.settings)
    known = before.places() if before else {}
    same_frame = before is not None and before.made_of["frame"] == frame
    if before is not None and before.made_of.get(REVISION) != PIXELS_VERSION:
        stale = known.keys() & {bytes.fromhex(key) for key in remade}
        if 2 * len(stale) > len(known):  # most of the map is of vectors that are no more
            same_frame = same_frame and work.settings.refit == "never"
        else:
            known = {key: place for key, place in known.items() if key not in stale}
    base = _base(keys, known, state=before.made_of["state"] if before and same_frame else None)
    if same_frame:
        made = update_map(vectors, base, parameters, graph=graph, mode=work.settings.refit)
    else:
        made = start_map(vectors, parameters, graph=graph, like=base)
    # The file follows from these three, so its name does too.
    version = digest(inputs, before.version if before else None, made.refitted)
    path = work.home.part("projection", version)
    gone = {} if made.refitted else {key: known[key] for key in known.keys() - set(keys)}
    made_of = {
        "frame": frame,
        "inputs": inputs,
        REVISION: PIXELS_VERSION,
        "parameters": parameters.to_json(),
        "libraries": {name: library_version(name) for name in ("umap-learn", "numpy", "scipy")},
        "counts": _counts(made, base),
        "quality": measure_trust(vectors, made.layout.positions),
        "state": made.drift.to_json(),
        DEPARTED: len(gone),
    }
    if gone:
        _write_departed(EarlierProjection(version, made_of, path).departed, gone)
    write_part(path, _table(members, keys, made.layout), made_of)
    return version, made_of


def _base(
    keys: Sequence[bytes],
    known: Mapping[bytes, tuple[float, float, str]],
    *,
    state: Mapping[str, Any] | None,
) -> EarlierMap:
    """Return the known positions of the contents `keys`, in their order."""
    import numpy as np

    nowhere = (0.0, 0.0, PLACE)
    places = [known.get(key, nowhere) for key in keys]
    positions = np.array([place[:2] for place in places], np.float32).reshape(-1, 2)
    layout = Layout(positions, np.array([by for _, _, by in places], str))
    return EarlierMap(
        layout, np.array([key in known for key in keys], bool), MapDrift.from_json(state) if state else None
    )


def _counts(made: MapUpdate, base: EarlierMap) -> dict[str, Any]:
    by = made.layout.by.tolist()
    return {
        "fitted": by.count(FIT),
        "relaxed": by.count(RELAX),
        "placed": by.count(PLACE),
        "kept": 0 if made.refitted else int(base.known.sum()),
        "refitted": made.refitted,
    }


def _table(members: Sequence[Entry], keys: Sequence[bytes], layout: Layout) -> "pa.Table":
    import numpy as np
    import pyarrow as pa

    row = {key: i for i, key in enumerate(keys)}
    where = np.array([row[entry.content_hash] for entry in members], np.int64)
    return pa.table(
        {
            "id": pa.array([entry.id for entry in members], pa.string()),
            "content_hash": pa.array([e.content_hash for e in members], pa.binary(16)),
            "x": layout.positions[where, 0],
            "y": layout.positions[where, 1],
            "placed_by": pa.array(layout.by[where].tolist(), pa.string()),
        }
    )


def _write_departed(path: Path, gone: Mapping[bytes, tuple[float, float, str]]) -> None:
    import pyarrow as pa

    keys = sorted(gone)
    x, y, by = zip(*(gone[key] for key in keys), strict=True)
    columns = [pa.array(keys, pa.binary(16)), pa.array(x, pa.float32()), pa.array(y, pa.float32()), list(by)]
    write_part(path, pa.table(dict(zip(COLUMNS, columns, strict=True))), {})
