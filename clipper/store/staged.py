"""The parts that runs have made for the next version: one version of each, in `staged.json`.

A run that was killed is taken up again from this file. A run reads it once; from then on a `Staged` travels
from step to step. What does not belong here: the published version (`store/snapshots.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
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
}
# The parts that say what is in the dataset. A setting of the same name switches each off.
INSIGHTS = ("scores", "clusters", "cluster_names", "duplicates", "label_issues", "word_columns", "drift")
# The parts that a version may lack.
OPTIONAL = ("objects", *INSIGHTS)


@dataclass(frozen=True, kw_only=True)
class Staged:
    """The staged version of each part; an empty string where a part is not made yet, or is switched off.

    `embeddings` is the model's key and `model` describes the model. `neighbours_manifest`,
    `metadata_manifest` and `projection_manifest` are the manifests that those parts were made from;
    `collection_of` has the versions that the collection was made from. `passed_over` are ids of files that
    vanished while they were read.
    `label_stamps` digests the times and sizes of label files, `label_contents` what was read of them then.
    `condemned` are parts that failed an audit: the next step that makes such a part makes it again.
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
    condemned: tuple[str, ...] = ()

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
        lists = {name: tuple(known.get(name, ())) for name in ("passed_over", "condemned")}
        return cls(**known | lists)

    def write(self, home: Home) -> None:
        """Write the home's file. The caller must hold the home's lock.

        Without condemned parts the file is like that of an earlier Clipper, so that a run without changes
        does not rewrite it.
        """
        entries = {name: value for name, value in vars(self).items() if value != ""}
        if not self.condemned:
            del entries["condemned"]
        write_json(home.staged, entries)

    def require(self, home: Home, part: str) -> str:
        """Return the staged version of a part.

        Raises:
            StoreError: the part is not made yet; the message names the asset to materialize.
        """
        version: str = getattr(self, part)
        if not version:
            raise StoreError(f"{home.store} has no {part} yet; materialize the asset {ASSETS[part]} first")
        return version
