"""The parts that runs have made for the next version: one version of each, in `staged.json`.

A run that was killed is taken up again from this file. A run reads it once; from then on a `Staged` travels
from step to step. What does not belong here: the published version (`store/snapshots.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

from clipper.errors import StoreError
from clipper.store.home import Home, read_json, write_json

# The asset that makes each part, as an error names it.
ASSETS = {
    "manifest": "image_manifest",
    "embeddings": "clip_embeddings",
    "neighbours": "image_neighbours",
    "metadata": "image_metadata",
    "objects": "image_metadata",
    "projection": "umap_projection",
    "collection": "chroma_collection",
    "scores": "image_scores",
    "clusters": "image_clusters",
    "cluster_names": "cluster_names",
    "duplicates": "duplicates",
    "label_issues": "label_issues",
    "word_columns": "word_columns",
    "drift": "drift",
    "agreement": "image_neighbours",
}
# The parts that say what is in the dataset. A setting of the same name switches each off.
INSIGHTS = ("scores", "clusters", "cluster_names", "duplicates", "label_issues", "word_columns", "drift")
# The parts that a version may lack.
OPTIONAL = ("objects", *INSIGHTS, "agreement")
# The parts of which each model has its own. The others are made with the first model, or with none.
MODEL_PARTS = ("neighbours", "projection", "collection", "clusters", "cluster_names", "agreement")
# And what is noted beside them.
_OF_MODEL = (
    "embeddings",
    "model",
    "neighbours_manifest",
    "projection_manifest",
    "collection_of",
    "condemned",
    *MODEL_PARTS,
)


@dataclass(frozen=True, kw_only=True)
class Staged:
    """The staged version of each part; an empty string where a part is not made yet, or is switched off.

    `embeddings` is the model's key and `model` describes the model. `neighbours_manifest`,
    `metadata_manifest` and `projection_manifest` are the manifests that those parts were made from;
    `collection_of` has the versions that the collection was made from. `passed_over` are ids of files that
    vanished while they were read.
    `server_key` is in the names of the home's collections on a server, `server_home` where the home lay then.
    `label_stamps` digests the times and sizes of label files, `label_contents` what was read of them then.
    `condemned` are parts that failed an audit: the next step that makes such a part makes it again.
    `further` has what belongs to each model but the first, by its fingerprint: see `of_model`.
    """

    manifest: str = ""
    images: str = ""
    embeddings: str = ""
    model: Mapping[str, Any] = field(default_factory=dict)
    neighbours: str = ""
    neighbours_manifest: str = ""
    metadata: str = ""
    metadata_manifest: str = ""
    objects: str = ""
    label_stamps: str = ""
    label_contents: str = ""
    projection: str = ""
    projection_manifest: str = ""
    collection: str = ""
    collection_of: Mapping[str, str] = field(default_factory=dict)
    clusters: str = ""
    cluster_names: str = ""
    duplicates: str = ""
    scores: str = ""
    label_issues: str = ""
    word_columns: str = ""
    drift: str = ""
    passed_over: tuple[str, ...] = ()
    gps: bool = False
    server_key: str = ""
    server_home: str = ""
    condemned: tuple[str, ...] = ()
    agreement: str = ""
    further: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def read(cls, home: Home) -> Self:
        """Read a home's file; without one, nothing is staged.

        Raises:
            StoreError: the file is damaged.
        """
        if not home.staged.exists():
            return cls()
        entries = read_json(home.staged)
        known = {each.name: entries[each.name] for each in fields(cls) if each.name in entries}
        if "further" in known:
            known["further"] = {each["model"]["fingerprint"]: each for each in known["further"]}
        return cls(**_with_tuples(known) | {name: () for name in _TUPLES if name not in known})

    def write(self, home: Home) -> None:
        """Write the home's file. The caller must hold the home's lock.

        Without condemned parts the file is like that of an earlier Clipper, so that a run without changes
        does not rewrite it.
        """
        entries = {name: value for name, value in vars(self).items() if value != ""}
        entries["further"] = list(self.further.values())  # a JSON object would not keep their order
        for name in ("condemned", "further"):
            if not entries[name]:
                del entries[name]
        write_json(home.staged, entries)

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """The fingerprints of the models, the first one first; none before anything is embedded."""
        first = str(self.model.get("fingerprint", ""))
        return (first, *self.further) if first else ()

    def of_model(self, fingerprint: str) -> Self:
        """Return the staged parts as a model has them: its own, and those that all models share."""
        if fingerprint == self.model.get("fingerprint"):
            return self
        return replace(self, **_blank() | _with_tuples(self.further.get(fingerprint, {})))

    def with_model(self, fingerprint: str, entries: Mapping[str, Any]) -> Self:
        """Return the staged parts with changed entries: a model's own, and those that all models share."""
        shared = {name: value for name, value in entries.items() if name not in (*_OF_MODEL, "further")}
        own = {name: value for name, value in entries.items() if name in _OF_MODEL}
        if fingerprint == self.model.get("fingerprint"):
            return replace(self, **shared, **own)
        record = {**self.further.get(fingerprint, {}), **own}
        return replace(self, **shared, further={**self.further, fingerprint: record})

    def with_models(self, fingerprints: Sequence[str]) -> Self:
        """Return the staged parts with these models alone, the first one first.

        Each keeps what is staged of it. A first model that is new starts from the parts of the one before. If
        that one stays too, it goes on with the numbers of its clusters, and the first one gets others.
        """
        known = {name: self.of_model(name) for name in self.fingerprints}
        first, *others = fingerprints
        record = {name: getattr(known.get(first, self), name) for name in _OF_MODEL}
        if first not in known and self.model.get("fingerprint") in others:
            # That one keeps its clusters: people name clusters by numbers, which no other model may have too.
            record |= {"clusters": "", "cluster_names": ""}
        further = {
            name: {each: getattr(known[name], each) for each in _OF_MODEL} if name in known else {}
            for name in others
        }
        return replace(self, **record | {"agreement": ""}, further=further)  # the others agree with the first

    def require(self, home: Home, part: str) -> str:
        """Return the staged version of a part.

        Raises:
            StoreError: the part is not made yet; the message names the asset to materialize.
        """
        version: str = getattr(self, part)
        if not version:
            raise StoreError(f"{home.store} has no {part} yet; materialize the asset {ASSETS[part]} first")
        return version


_TUPLES = ("passed_over", "condemned")


def _with_tuples(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Return entries as they were before JSON made lists of tuples."""
    return {name: tuple(value) if name in _TUPLES else value for name, value in entries.items()}


def _blank() -> dict[str, Any]:
    """Return what belongs to a model of which nothing is staged yet."""
    return {name: getattr(Staged(), name) for name in _OF_MODEL}
