"""The steps from a folder to a published atlas, each incremental: what the assets and `clipper index` call.

A step reads what the steps before it staged, makes its part unless that exists already, and stages it.
Who runs steps holds the home's lock. What does not belong here: how anything is computed.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version as library_version
from typing import TYPE_CHECKING, Any

from clipper import embeddings, facts, metadata, model
from clipper.decoding import Seen, decode_all
from clipper.errors import ImagesError, StoreError
from clipper.home import Home, Snapshot, digest, now
from clipper.images import DECODER_VERSION, THUMBNAIL_PIXELS, ImageFolder
from clipper.manifest import Changes, Entry, Manifest, compare, scan
from clipper.settings import Settings
from clipper.shards import ShardStore
from clipper.tables import read_made_of, read_parquet, write_part

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from clipper.projection import Layout

Progress = Callable[[str, int, int], None]

CONTENT_PARTS = ("clip_embeddings", "thumbnails", "image_facts")
# Rows after which what was embedded is put on disk: so much a killed run can lose.
SHARD_ROWS = 2_048
# Texts that are not about any dataset: search's recall is measured with them.
PROBES = (
    "a cat", "a dog on a sofa", "a red car", "people at a table", "a mountain lake", "a night sky",
    "a handwritten note", "food on a plate", "a tall building", "a child's drawing", "a flag",
    "a blurry photo", "a close-up of a flower", "a map", "a smiling face", "an empty room", "music",
    "winter", "something green", "two of them", "a bird in flight", "a clock", "old paper", "a boat",
    "a crowd", "a screenshot", "a hand", "a road", "glass", "an arrow", "a fruit", "a machine",
)  # fmt: skip


@dataclass
class Step:
    """What one step did: its part's version, counts, and what a person should know."""

    name: str
    version: str = ""
    counts: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    failures: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class Workspace:
    """A home that is being written: its settings, its stores, and where progress is told."""

    def __init__(self, settings: Settings, progress: Progress | None = None) -> None:
        self.settings = settings
        self.home = Home(settings.home)
        self.progress = progress or (lambda *_: None)
        self.folder = ImageFolder(settings.images_location, max_bytes=settings.max_bytes)
        self.facts = facts.store(self.home)
        self.thumbnails = facts.thumbnail_store(self.home)

    @property
    def limits(self) -> str:
        """By which a failure was measured; under others the file is tried again."""
        return f"{self.settings.max_pixels}/{self.settings.max_bytes}"

    def manifest(self) -> tuple[str, Manifest]:
        """The staged manifest and its version."""
        version = self.home.require("manifest", "image_manifest")
        return version, Manifest.read(self.home.part("manifest", version))

    def members(self) -> list[Entry]:
        """The files that are images: those of the manifest that were decoded.

        Raises:
            StoreError: some were never tried.
            ImagesError: not one of them is an image.
        """
        _, manifest = self.manifest()
        tried = facts.known(self.facts, limits=self.limits)
        bad = facts.failures(self.facts, manifest.hashes())
        passed_over = set(self.home.staged_entries().get("passed_over", []))
        unknown = [e.id for e in manifest.entries if e.content_hash not in tried]
        if set(unknown) - passed_over:
            raise StoreError(f"{len(unknown)} images have no facts; materialize image_facts first")
        usable = tried - set(bad)
        members = [e for e in manifest.entries if e.content_hash in usable and e.id not in passed_over]
        if not members:
            raise ImagesError(f"none of the {len(manifest.entries)} files is a usable image")
        return members

    def embeddings(self) -> tuple[str, Mapping[str, Any], ShardStore]:
        """The staged model's key, what is told about it, and its vectors."""
        key = self.home.require("embeddings", "clip_embeddings")
        told = self.home.staged_entries()["model"]
        vectors = embeddings.store(
            self.home.embeddings(key),
            dimensions=told["dimensions"],
            fingerprint=told["fingerprint"],
        )
        return key, told, vectors


def scan_images(work: Workspace) -> Step:
    """Step 1, `image_manifest`: what is in the folder, and what differs from what was there."""
    with _timed("image_manifest") as step:
        staged = work.home.staged_entries().get("manifest")
        path = work.home.part("manifest", staged) if staged else None
        before = Manifest.read(path) if path and path.exists() else None
        manifest = scan(work.folder, before=before, progress=_told(work, "scan"))
        step.version = manifest.version
        target = work.home.part("manifest", manifest.version)
        if before is None or before.entries != manifest.entries or not target.exists():
            manifest.write(target)
        work.home.stage(manifest=manifest.version, images=work.folder.location)
        step.counts = {"images": len(manifest.entries), **compare(before, manifest).counts()}
        step.failures = manifest.unreadable
    return step


def embed_images(work: Workspace, *, wanted: Sequence[str] = CONTENT_PARTS) -> dict[str, Step]:
    """Step 2, `clip_embeddings`, `thumbnails`, `image_facts`: one decoding gives all three.

    Only contents that lack one of the `wanted` parts are decoded; no model is loaded when none lacks its
    vector. What was done is put on disk every few thousand images.
    """
    started = time.monotonic()
    manifest_version, manifest = work.manifest()
    source = model.find(work.settings) if "clip_embeddings" in wanted else None
    sink = _Sink(work, manifest, source, wanted)
    clip = None
    if source and (sink.lacks_vectors or not sink.probes_exist):
        clip = model.Clip(source, device=work.settings.device, dtype=work.settings.dtype)
        sink.write_probes(clip)
    sink.fill(clip)
    if source:
        work.home.stage(embeddings=source.key, model=_told_about(source, work.settings))
    if "image_facts" in wanted:
        work.home.stage(passed_over=sorted(sink.passed_over))
    steps = sink.steps(manifest_version)
    for step in steps.values():
        step.seconds = round(time.monotonic() - started, 3)
    return steps


def join_metadata(work: Workspace) -> Step:
    """Step 3, `image_metadata`: metadata.json, folder names and file facts as typed columns."""
    with _timed("image_metadata") as step:
        manifest_version, _ = work.manifest()
        members = work.members()
        data = work.folder.read_beside(metadata.METADATA_NAME)
        identity = [(entry.id, entry.content_hash.hex()) for entry in members]
        told = digest(data.hex() if data else None)
        step.version = digest(metadata.METADATA_VERSION, DECODER_VERSION, identity, told)
        path = work.home.part("metadata", step.version)
        if not path.exists():
            _write_metadata(work, members, data, path)
        made_of = read_made_of(path)
        work.home.stage(metadata=step.version, metadata_manifest=manifest_version)
        step.counts = {"images": len(members), "columns": len(made_of["columns"])}
        step.notes = list(made_of["problems"])
    return step


def project_images(work: Workspace) -> Step:
    """Step 4, `umap_projection`: positions. What has one keeps it; what is new is placed among the fitted."""
    from clipper.projection import Parameters

    with _timed("umap_projection") as step:
        manifest_version, _ = work.manifest()
        _, told, _ = work.embeddings()
        members = work.members()
        parameters = Parameters.of(work.settings)
        frame = digest(parameters.as_dict(), told["fingerprint"])
        inputs = digest(frame, [(e.id, e.content_hash.hex()) for e in members])
        before = work.home.staged_entries().get("projection")
        path = work.home.part("projection", before) if before else None
        made_of = read_made_of(path) if path and path.exists() else {}
        if before and made_of.get("inputs") == inputs:
            step.version = before
        else:
            same_frame = made_of.get("frame") == frame
            base = read_parquet(path) if path and made_of and same_frame else None
            step.version = digest(inputs, before if base is not None else None)
            made_of = _write_projection(work, members, base, step.version, frame, inputs)
        work.home.stage(projection=step.version, projection_manifest=manifest_version)
        step.counts = {"images": len(members), **made_of["counts"], **made_of["quality"]}
    return step


def collect(work: Workspace) -> Step:
    """Step 5, `chroma_collection`: one row an image, with vector, metadata and place; sealed."""
    with _timed("chroma_collection") as step:
        staged = _consistent(work.home)
        key, told, _ = work.embeddings()
        made_of = {name: staged[name] for name in ("metadata", "projection")} | {"embeddings": key}
        from clipper.collection import COLLECTION_VERSION

        step.version = digest(COLLECTION_VERSION, made_of, told["fingerprint"])
        path = work.home.part("collection", step.version)
        if path.exists() and work.home.part("collection", step.version, "").is_dir():
            step.counts = {"rows": read_made_of(path)["rows"], "written": 0, "deleted": 0}
        else:
            step.counts = _write_collection(work, step.version, made_of)
        step.counts |= read_made_of(path)["search"]
        work.home.stage(collection=step.version, collection_of=made_of)
    return step


def publish(work: Workspace) -> Step:
    """Step 6, `atlas`: name one version of each part in current.json, if they belong together."""
    with _timed("atlas") as step:
        staged = _consistent(work.home)
        made_of = {name: staged[name] for name in ("metadata", "projection", "embeddings")}
        if staged.get("collection_of") != made_of:
            raise StoreError("chroma_collection is older than its inputs; materialize it first")
        _, manifest = work.manifest()
        before = work.home.snapshot() if work.home.current.exists() else None
        changes = _since(work.home, before, manifest)
        failed = len(manifest.entries) + len(manifest.unreadable) - len(work.members())
        snapshot = Snapshot(
            parts={name: staged[name] for name in ("manifest", "metadata", "projection", "collection")},
            images=staged["images"],
            model=staged["model"],
            embeddings=staged["embeddings"],
            published_at=now(),
            counts={"images": len(work.members()), "failed": failed, **changes.counts()},
        )
        published = work.home.publish(snapshot)
        if published:
            work.home.prune()
        step.version = snapshot.version
        step.counts = {**snapshot.counts, "published": published}
    return step


def index(settings: Settings, *, progress: Progress | None = None, wait: float = 0.0) -> list[Step]:
    """All steps, under the home's lock, for which at most `wait` seconds are waited.

    Raises:
        BusyError: another run holds the lock.
        ClipperError: with what is to be mended; what was published stays published.
    """
    work = Workspace(settings, progress)
    with work.home.writing(timeout=wait):
        first = scan_images(work)
        second = embed_images(work)
        rest = [step(work) for step in (join_metadata, project_images, collect, publish)]
    return [first, *second.values(), *rest]


class _Sink:
    """Takes what decoding gives to the three stores, in shards."""

    def __init__(
        self,
        work: Workspace,
        manifest: Manifest,
        source: model.ModelSource | None,
        wanted: Sequence[str],
    ) -> None:
        self.work, self.manifest, self.source, self.wanted = work, manifest, source, tuple(wanted)
        self.vectors: ShardStore | None = None
        hashes = set(manifest.hashes())
        known = facts.known(work.facts, limits=work.limits)
        self.failed = facts.failures(work.facts, known & hashes)
        usable = hashes - set(self.failed)
        self.missing: dict[str, set[bytes]] = {}
        if source:
            self.vectors = embeddings.store(
                work.home.embeddings(source.key),
                dimensions=source.dimensions,
                fingerprint=source.fingerprint,
            )
            self.missing["clip_embeddings"] = usable - self.vectors.keys()
        if "thumbnails" in wanted:
            self.missing["thumbnails"] = usable - work.thumbnails.keys()
        self.missing["image_facts"] = hashes - known
        self.todo = set().union(*self.missing.values())
        self.passed_over: set[str] = set()
        self.new_failures = 0
        self.batch: list[Seen] = []
        self.rows: dict[str, list[dict[str, object]]] = {name: [] for name in self.missing}
        self.done: dict[str, int] = dict.fromkeys(self.missing, 0)

    @property
    def lacks_vectors(self) -> bool:
        """Whether a model is needed."""
        return bool(self.missing.get("clip_embeddings"))

    @property
    def probes_exist(self) -> bool:
        """Whether this model's probe vectors are on disk."""
        return self.source is not None and _probes_path(self.work.home, self.source.key).exists()

    def write_probes(self, clip: model.Clip) -> None:
        """Embed the probe texts once a model."""
        if not self.probes_exist:
            _write_array(_probes_path(self.work.home, clip.source.key), clip.embed_texts(PROBES))

    def fill(self, clip: model.Clip | None) -> None:
        """Decode what is missing and write it."""
        first = {entry.content_hash: entry for entry in reversed(self.manifest.entries)}
        entries = [first[key] for key in self.manifest.hashes() if key in self.todo]
        seen = decode_all(
            entries,
            self.work.folder,
            self.work.settings,
            crop=clip.transform.crop if clip and self.lacks_vectors else None,
            model_side=self.source.image_size if self.source else THUMBNAIL_PIXELS,
        )
        told = _told(self.work, "embed" if clip else "decode")
        for position, one in enumerate(seen):
            self._take(one, clip)
            told(position + 1, len(entries))
        self._embed(clip)
        self._flush()

    def steps(self, manifest_version: str) -> dict[str, Step]:
        """What was done, a step for each part that was asked for."""
        distinct = len(self.manifest.hashes())
        reasons = {
            entry.id: self.failed[entry.content_hash]
            for entry in self.manifest.entries
            if entry.content_hash in self.failed
        }
        made_by = {"clip_embeddings": self.source.fingerprint if self.source else ""}
        steps = {}
        for name in self.wanted:
            version = digest(name, made_by.get(name, DECODER_VERSION), manifest_version)
            done = self.done[name]
            counts = {"new": done, "reused": distinct - done - len(self.failed)}
            steps[name] = Step(name, version, counts | {"failed": len(reasons)}, failures=reasons)
        return steps

    def _take(self, seen: Seen, clip: model.Clip | None) -> None:
        key = seen.entry.content_hash
        if seen.vanished:
            self.passed_over |= {e.id for e in self.manifest.entries if e.content_hash == key}
            self.failed[key] = seen.reason or ""
            return
        if key in self.missing["image_facts"]:
            row = facts.row(key, facts=seen.facts, reason=seen.reason, limits=self.work.limits)
            self._add("image_facts", row)
        if seen.reason:
            self.failed[key] = seen.reason
            return
        if key in self.missing.get("thumbnails", ()):
            self._add("thumbnails", {"content_hash": key, facts.THUMBNAIL: seen.thumbnail})
        if key in self.missing.get("clip_embeddings", ()):
            self.batch.append(seen)
            if len(self.batch) == self.work.settings.batch_size:
                self._embed(clip)
        if max(map(len, self.rows.values())) >= SHARD_ROWS:
            self._flush()

    def _add(self, name: str, row: dict[str, object]) -> None:
        self.rows[name].append(row)
        self.done[name] += 1

    def _embed(self, clip: model.Clip | None) -> None:
        import numpy as np

        if not self.batch or clip is None:
            return
        vectors = clip.embed_pixels(np.stack([seen.crop for seen in self.batch if seen.crop is not None]))
        keys = [seen.entry.content_hash for seen in self.batch]
        for row in embeddings.rows(keys, vectors):
            self._add("clip_embeddings", row)
        self.batch = []

    def _flush(self) -> None:
        """Facts last: who has facts has everything that was asked for with them."""
        stores = {
            "clip_embeddings": self.vectors,
            "thumbnails": self.work.thumbnails,
            "image_facts": self.work.facts,
        }
        for name, store in stores.items():
            if store is not None and self.rows.get(name):
                store.append(self.rows[name])
                self.rows[name] = []


@contextmanager
def _timed(name: str) -> Iterator[Step]:
    step = Step(name)
    started = time.monotonic()
    yield step
    step.seconds = round(time.monotonic() - started, 3)


def _told(work: Workspace, stage: str) -> Callable[[int, int], None]:
    return lambda done, total: work.progress(stage, done, total)


def _told_about(source: model.ModelSource, settings: Settings) -> dict[str, Any]:
    return {
        "name": source.name,
        "revision": settings.revision,
        "fingerprint": source.fingerprint,
        "dimensions": source.dimensions,
    }


def _write_metadata(work: Workspace, members: Sequence[Entry], data: bytes | None, path: Any) -> None:
    source = work.folder.path(metadata.METADATA_NAME)
    entries, problems = metadata.parse(data, source=source) if data is not None else ({}, [])
    known = facts.read(work.facts, [entry.content_hash for entry in members])
    ids = [entry.id for entry in members]
    own = [{**known[entry.content_hash], "bytes": entry.bytes} for entry in members]
    joined = metadata.join(ids, own, entries)
    made_of = {
        "columns": [vars(column) for column in joined.columns],
        "problems": problems + joined.problems,
    }
    write_part(path, joined.table(ids), made_of)


def _write_projection(
    work: Workspace,
    members: Sequence[Entry],
    base: "pa.Table | None",
    version: str,
    frame: str,
    inputs: str,
) -> dict[str, Any]:
    import pyarrow as pa

    from clipper.projection import Parameters, quality

    keys = list(dict.fromkeys(entry.content_hash for entry in members))
    _, _, store = work.embeddings()
    vectors = embeddings.read(store, keys)
    parameters = Parameters.of(work.settings)
    layout, kept = _lay_out(keys, vectors, base, parameters)
    row = {key: i for i, key in enumerate(keys)}
    where = [row[entry.content_hash] for entry in members]
    table = pa.table(
        {
            "id": [entry.id for entry in members],
            "content_hash": pa.array([e.content_hash for e in members], pa.binary(16)),
            "x": layout.positions[where, 0],
            "y": layout.positions[where, 1],
            "placed_by": ["fit" if layout.fitted[i] else "place" for i in where],
        }
    )
    made_of = {
        "frame": frame,
        "inputs": inputs,
        "parameters": parameters.as_dict(),
        "libraries": {name: library_version(name) for name in ("umap-learn", "numpy", "scipy")},
        "counts": {
            "fitted": int(layout.fitted.sum()),
            "placed": int((~layout.fitted).sum()),
            "kept": kept,
        },
        "quality": quality(vectors, layout.positions),
    }
    write_part(work.home.part("projection", version), table, made_of)
    return made_of


def _lay_out(
    keys: Sequence[bytes], vectors: "np.ndarray", base: "pa.Table | None", parameters: Any
) -> "tuple[Layout, int]":
    """Positions of distinct contents, and how many kept the one they had."""
    import numpy as np

    from clipper.projection import REFIT_SHARE, Layout, align, fit, place_images

    if base is None:
        return fit(vectors, parameters), 0
    columns = base.to_pydict()
    known = {
        key: (x, y, by == "fit")
        for key, x, y, by in zip(
            columns["content_hash"], columns["x"], columns["y"], columns["placed_by"], strict=True
        )
    }
    old = np.array([key in known for key in keys], bool)
    fitted = np.array([key in known and known[key][2] for key in keys], bool)
    positions = np.zeros((len(keys), 2), np.float32)
    if old.any():
        positions[old] = [known[key][:2] for key in keys if key in known]
    allowed = max(len(keys) - parameters.fit_limit, REFIT_SHARE * len(keys))
    if (~fitted).sum() > allowed:
        fresh = fit(vectors, parameters)
        if old.sum() > 2:  # noqa: PLR2004 - fewer points fix no rotation
            scale, rotation, shift = align(fresh.positions[old], positions[old])
            turned = (scale * fresh.positions @ rotation + shift).astype(np.float32)
            fresh = Layout(turned, fresh.fitted)
        return fresh, 0
    positions[~old] = place_images(vectors[~old], vectors[fitted], positions[fitted])
    return Layout(positions, fitted), int(old.sum())


def _write_collection(work: Workspace, version: str, made_of: Mapping[str, Any]) -> dict[str, Any]:
    from clipper.collection import Difference, Rows, build

    key, _, store = work.embeddings()
    projection = read_parquet(work.home.part("projection", made_of["projection"]))
    told = read_parquet(work.home.part("metadata", made_of["metadata"])).drop_columns(["id"])
    points = projection.select(["x", "y"]).to_pylist()
    hashes = projection["content_hash"].to_pylist()
    rows_metadata = [metadata.present(r) | p for r, p in zip(told.to_pylist(), points, strict=True)]
    ids = projection["id"].to_pylist()
    rows = Rows(
        ids=ids,
        vectors=embeddings.read(store, hashes),
        metadata=rows_metadata,
        digests=[digest(h.hex(), key, m) for h, m in zip(hashes, rows_metadata, strict=True)],
    )
    base, before, dead = _base_collection(work.home)
    built = build(
        work.home.part("collection", version, ""),
        rows,
        probes=_read_array(_probes_path(work.home, key)),
        base=base,
        difference=Difference.between(before, dead, rows) if base else None,
    )
    import pyarrow as pa

    search = {"ef": built.ef, "recall_at_10": built.recall}
    sidecar = {"made_of": dict(made_of), "rows": len(ids), "dead": built.dead, "search": search}
    table = pa.table({"id": ids, "digest": list(rows.digests)})
    write_part(work.home.part("collection", version), table, sidecar)
    return {"rows": len(ids), "written": built.written, "deleted": built.deleted}


def _base_collection(home: Home) -> tuple[Any, dict[str, str], int]:
    """The published collection, its rows' digests and its dead rows: the next one starts from it."""
    if not home.current.exists():
        return None, {}, 0
    version = home.snapshot().parts["collection"]
    path, folder = home.part("collection", version), home.part("collection", version, "")
    if not (path.exists() and folder.is_dir()):
        return None, {}, 0
    table = read_parquet(path).to_pydict()
    return folder, dict(zip(table["id"], table["digest"], strict=True)), read_made_of(path)["dead"]


def _consistent(home: Home) -> dict[str, Any]:
    """What is staged.

    Raises:
        StoreError: parts were made from different manifests; the message names the asset.
    """
    for part, asset in (("metadata", "image_metadata"), ("projection", "umap_projection")):
        home.require(part, asset)
        staged = home.staged_entries()
        if staged.get(f"{part}_manifest") != staged["manifest"]:
            raise StoreError(f"{asset} was made from another manifest; materialize {asset} again")
    return home.staged_entries()


def _since(home: Home, before: Snapshot | None, manifest: Manifest) -> Changes:
    path = home.part("manifest", before.parts["manifest"]) if before else None
    return compare(Manifest.read(path) if path and path.exists() else None, manifest)


def _probes_path(home: Home, key: str) -> Any:
    return home.embeddings(key) / f"probes-{digest(PROBES)}.npy"


def _write_array(path: Any, array: "np.ndarray") -> None:
    import numpy as np

    from clipper.home import atomic_path

    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def _read_array(path: Any) -> "np.ndarray":
    import numpy as np

    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} is missing or damaged; delete it and run `clipper index`") from error
