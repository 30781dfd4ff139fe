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
from clipper.indexing.cluster.blocks import blocks_on_cluster
from clipper.indexing.neighbours import vectors_of
from clipper.indexing.staging.each_model import for_each_model
from clipper.indexing.staging.workspace import Step, Workspace, timed
from clipper.models import reference_texts
from clipper.models.families.families import reads_text
from clipper.projection.cross_modal import CROSS_MODAL_WEIGHT, measure_cross_modal_weight
from clipper.projection.layout import FIT, PLACE, RELAX, Layout, Parameters
from clipper.projection.quality import MapDrift, describe_drift, measure_trust
from clipper.projection.search.accelerated import neighbors_on
from clipper.projection.update import EarlierMap, MapUpdate, start_map, update_map
from clipper.query import ScoreScale
from clipper.store import embeddings
from clipper.store.columns.entries import Entries
from clipper.store.columns.keys import Keys
from clipper.store.shards import REVISION
from clipper.store.tables import is_written, read_made_of, read_parquet, write_part

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

COLUMNS = ("content_hash", "x", "y", "placed_by")
KEY = COLUMNS[0]
WAYS = (FIT, RELAX, PLACE)
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

    def places(self) -> "pa.Table":
        """Return each known position, once: `COLUMNS`, the images there are and then those that are gone."""
        import pyarrow as pa
        import pyarrow.compute as pc

        tables = [read_parquet(self.path).select(COLUMNS)]
        if self.departed.exists():
            tables.append(read_parquet(self.departed).select(COLUMNS).cast(tables[0].schema))
        known = pa.concat_tables(tables)
        keys = known[KEY].combine_chunks()
        return known.take(pc.index_in(keys.unique(), value_set=keys))  # of copies the first


def departed_of(path: Path) -> Path:
    """Return the file with the positions of images that are gone, for the projection at `path`."""
    return path.with_suffix(f".{DEPARTED}.parquet")


@for_each_model
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
        remade = work.remade(members.contents)
        inputs = digest(frame, members.identity(), *([PIXELS_VERSION, remade] if remade else []))
        before = _staged(work)
        if before and before.made_of["inputs"] == inputs and not _put_off(before, work):
            step.version, made_of = before.version, before.made_of
        else:
            with blocks_on_cluster(work, step, "map"):
                step.version, made_of = _project(
                    work, members, before, frame=frame, inputs=inputs, remade=remade
                )
        work.stage(projection=step.version, projection_manifest=manifest_version)
        state = MapDrift.from_json(made_of["state"])
        step.counts = {"images": len(members), **made_of["counts"], **made_of["quality"], **state.figures}
        step.notes += [f"{words}; {WAY_OUT}" for words in describe_drift(state)]
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
    members: Entries,
    before: EarlierProjection | None,
    *,
    frame: str,
    inputs: str,
    remade: Sequence[str],
) -> tuple[str, Mapping[str, Any]]:
    """Bring the map up to date and write it. Return its version, and what it was made of."""
    import pyarrow as pa
    import pyarrow.compute as pc

    keys = members.first_of_each().keys
    _, _, store = work.embeddings()
    vectors = vectors_of(store, keys)
    graph = work.graph(keys)
    parameters = Parameters.from_settings(work.settings)
    known = (
        before.places() if before else _table(Entries.of([]), keys[:0], Layout(*_nowhere(0))).select(COLUMNS)
    )
    same_frame = before is not None and before.made_of["frame"] == frame
    if before is not None and before.made_of.get(REVISION) != PIXELS_VERSION:
        changed = pa.array([bytes.fromhex(key) for key in remade], pa.binary(16))
        stale = pc.is_in(known[KEY], value_set=changed)
        if 2 * (pc.sum(stale).as_py() or 0) > len(known):  # most of the map is of vectors that are no more
            same_frame = same_frame and work.settings.refit == "never"
        else:
            known = known.filter(pc.invert(stale))
    base = _base(keys, known, state=before.made_of["state"] if before and same_frame else None)
    with neighbors_on(work.settings.device):
        if same_frame:
            made = update_map(vectors, base, parameters, graph=graph, mode=work.settings.refit)
        else:
            made = start_map(vectors, parameters, graph=graph, like=base)
    # The file follows from these three, so its name does too.
    version = digest(inputs, before.version if before else None, made.refitted)
    path = work.home.part("projection", version)
    gone = known.filter(pc.invert(pc.is_in(known[KEY], value_set=keys))) if not made.refitted else known[:0]
    made_of = {
        "frame": frame,
        "inputs": inputs,
        REVISION: PIXELS_VERSION,
        "parameters": parameters.to_json(),
        "libraries": {name: library_version(name) for name in ("umap-learn", "numpy", "scipy")},
        "counts": _counts(made, base),
        "quality": measure_trust(vectors, made.layout.positions) | _weight(work, members.contents),
        "state": made.drift.to_json(),
        DEPARTED: len(gone),
    }
    if len(gone):
        write_part(EarlierProjection(version, made_of, path).departed, gone.sort_by(KEY), {})
    write_part(path, _table(members, keys, made.layout), made_of)
    return version, made_of


def _weight(work: Workspace, keys: Keys) -> dict[str, float]:
    """Return the weight of texts among images as a figure; none for CLIP, whose weight is known."""
    key, model, store = work.embeddings()
    if not reads_text(model) or ScoreScale.of_model(model).kind == "clipscore":
        return {}
    vectors = embeddings.MappedVectors(store, keys)
    weight = measure_cross_modal_weight(vectors, reference_texts.read(work.home, key))
    return {} if weight is None else {CROSS_MODAL_WEIGHT: weight}


def _nowhere(n: int) -> "tuple[np.ndarray, np.ndarray]":
    """Return what a layout has of n images without positions."""
    import numpy as np

    return np.zeros((n, 2), np.float32), np.full(n, PLACE)


def _base(keys: "pa.Array", known: "pa.Table", *, state: Mapping[str, Any] | None) -> EarlierMap:
    """Return the known positions, a table of `COLUMNS`, of the contents `keys`, in their order."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    at = pc.index_in(keys, value_set=known[KEY].combine_chunks())
    at = at.fill_null(-1).to_numpy(zero_copy_only=False)
    there = at >= 0
    positions, by = _nowhere(len(keys))
    positions[there] = np.stack([known["x"].to_numpy(), known["y"].to_numpy()], axis=1)[at[there]]
    way = pc.index_in(known["placed_by"], value_set=pa.array(WAYS)).to_numpy()
    by[there] = np.array(WAYS)[way[at[there]]]
    return EarlierMap(Layout(positions, by), there, MapDrift.from_json(state) if state else None)


def _counts(made: MapUpdate, base: EarlierMap) -> dict[str, Any]:
    by = made.layout.by
    return {
        "fitted": int((by == FIT).sum()),
        "relaxed": int((by == RELAX).sum()),
        "placed": int((by == PLACE).sum()),
        "kept": 0 if made.refitted else int(base.known.sum()),
        "refitted": made.refitted,
    }


def _table(members: Entries, keys: "pa.Array", layout: Layout) -> "pa.Table":
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    hashes = members.keys
    row = pc.index_in(hashes, value_set=keys)
    where = row.to_numpy(zero_copy_only=False).astype(np.int64)
    way = sum((index * (layout.by == name) for index, name in enumerate(WAYS)), np.zeros(len(keys), np.int8))
    return pa.table(
        {
            "id": members.ids.cast(pa.string()),
            KEY: hashes,
            "x": layout.positions[where, 0],
            "y": layout.positions[where, 1],
            "placed_by": pa.array(WAYS).take(pa.array(way[where])),
        }
    )
