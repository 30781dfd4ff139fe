"""The assets, from the images folder to a published atlas. Each is thin: it calls one step of `clipper`.

What does not belong here: what is checked afterwards (`checks.py`) and when things run (`automation.py`).
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import dagster as dg

from clipper.chroma.build import COLLECTION_VERSION
from clipper.images.decode import DECODER_VERSION, PIXELS_VERSION
from clipper.images.picture.measures import MEASURE_VERSION
from clipper.images.picture.signature import SIGNATURE_VERSION
from clipper.indexing import collect, metadata, neighbours, project, publish, scan
from clipper.indexing.contents.rows import CONTENT_PARTS
from clipper.indexing.embed import embed_images
from clipper.indexing.neighbours import NEIGHBOURS_VERSION
from clipper.metadata.join import METADATA_VERSION
from clipper.models.hub import reporting
from clipper.models.source import PREPROCESS_VERSION
from clipper.projection.layout import PROJECTION_VERSION
from clipper.store.facts import FACTS_VERSION
from pipelines import previews
from pipelines.config import EmbedConfig, ProjectionConfig, PublishConfig, ScanConfig, overrides
from pipelines.naming import Blueprint, asset, multi_asset, observable_asset
from pipelines.presentation import download_lines, materialized, observed
from pipelines.resources import HomeResource
from pipelines.running.model_pool import model_turn

# What all assets have in common; Dagster's catalog and asset graph filter by it.
_COMMON: dict[str, Any] = {"owners": ["team:clipper"]}
# How a part is stored: rows by content hash, which all versions share, or one file for each version.
_BY_CONTENT = {"clipper/stored": "by-content"}
_BY_VERSION = {"clipper/stored": "by-version"}


@observable_asset(
    spec=dg.AssetSpec(
        "images_folder",
        kinds={"source", "file"},
        description="Your images, and the metadata and labels beside them. Clipper never writes here.\n\nThe "
        "data version is a fingerprint of all names, sizes and times.",
        **_COMMON,
    )
)
def images_folder(home: HomeResource) -> dg.ObserveResult:
    """Observe the images folder."""
    return observed(home.settings())


@asset(deps=["images_folder"], kinds={"parquet"}, tags=_BY_VERSION, **_COMMON)
def image_manifest(home: HomeResource, config: ScanConfig) -> dg.MaterializeResult:
    """Every file in the images folder: path, content hash, size and time.

    Only files whose size or time has changed are read. An image is known by its content: a renamed file
    counts as moved, and a copy costs nothing.
    """
    work = home.workspace(**overrides(config))
    step = scan.scan_images(work)
    return materialized(step, home=work.home)


# One decoding gives three parts, and each can be requested alone.
_content_spec = partial(dg.AssetSpec, deps=["image_manifest"], skippable=True, tags=_BY_CONTENT, **_COMMON)


@multi_asset(
    specs=[
        _content_spec(
            key="clip_embeddings",
            kinds={"pytorch", "arrow"},
            code_version=f"{PREPROCESS_VERSION}.{PIXELS_VERSION}",
            description="The CLIP vector of each image.\n\nStored by content and by model: only new contents "
            "are embedded, and no model is loaded if there are none.",
        ),
        _content_spec(
            key="thumbnails",
            kinds={"pillow", "arrow"},
            code_version=DECODER_VERSION,
            description="A small WebP of each image, for the map and the gallery.\n\nThe preview shows up to "
            "48 of them, taken evenly from the whole dataset.",
        ),
        _content_spec(
            key="image_facts",
            kinds={"pillow", "arrow"},
            code_version=f"{FACTS_VERSION}.{MEASURE_VERSION}.{SIGNATURE_VERSION}",
            description="Size, format and EXIF of each image, or why it cannot be used.\n\nThe table of "
            "failures names each file and the reason.",
        ),
    ],
    can_subset=True,
)
def image_contents(
    context: dg.AssetExecutionContext, home: HomeResource, config: EmbedConfig
) -> Iterator[dg.MaterializeResult]:
    """Decode each new image once, for its vector, its thumbnail and its facts."""
    wanted = [name for name in CONTENT_PARTS if home.names.key(name) in context.selected_asset_keys]
    work = home.workspace(**overrides(config))
    work.model_turn = partial(model_turn, context)
    with reporting(download_lines(context.log.info)):
        steps = embed_images(work, wanted=wanted)
    for name, step in steps.items():
        yield materialized(step, preview=previews.thumbnail_sheet(work) if name == "thumbnails" else None)


@asset(
    # The tables are read from the folder here; everything else about the images comes from their facts.
    deps=["images_folder", "image_manifest", "image_facts"],
    kinds={"parquet"},
    tags=_BY_VERSION,
    code_version=METADATA_VERSION,
    **_COMMON,
)
def image_metadata(home: HomeResource) -> dg.MaterializeResult:
    """What is known about each image, as typed columns.

    From files such as `metadata.json` and `metadata.csv`, files beside the images, labels of COCO, YOLO and
    others, folder names, tags and the facts of the image files.
    """
    work = home.workspace()
    step = metadata.join_metadata(work)
    return materialized(step, home=work.home)


@asset(
    deps=["clip_embeddings", "image_facts"],
    kinds={"numpy", "arrow"},
    tags=_BY_VERSION,
    code_version=NEIGHBOURS_VERSION,
    **_COMMON,
)
def image_neighbours(home: HomeResource) -> dg.MaterializeResult:
    """The nearest others of each image by cosine, at least 30, found once for all that ask.

    Only new images are searched; they are put into the lists of those they are near.
    """
    work = home.workspace()
    step = neighbours.find_neighbours(work)
    return materialized(step, home=work.home)


@asset(
    deps=["clip_embeddings", "image_facts", "image_neighbours"],
    kinds={"umap", "parquet"},
    tags=_BY_VERSION,
    code_version=PROJECTION_VERSION,
    **_COMMON,
)
def umap_projection(home: HomeResource, config: ProjectionConfig) -> dg.MaterializeResult:
    """The position of each image on the map.

    New images are placed among their nearest ones, and nothing that is already there moves, until the map no
    longer serves; then it is laid out again from where it is.
    """
    work = home.workspace(**overrides(config, prefix="umap_"))
    step = project.project_images(work)
    return materialized(step, home=work.home, preview=previews.map_previews(work))


@asset(
    deps=["clip_embeddings", "image_metadata", "umap_projection"],
    kinds={"chroma"},
    tags=_BY_VERSION,
    code_version=COLLECTION_VERSION,
    **_COMMON,
)
def chroma_collection(home: HomeResource) -> dg.MaterializeResult:
    """A Chroma row for each image: vector, metadata and position. Any Chroma client can search it.

    Each version is a sealed collection of its own, made from the one before: readers are never disturbed.
    """
    work = home.workspace()
    return materialized(collect.collect(work), home=work.home)


@asset(
    deps=[
        "image_manifest",
        "thumbnails",
        "image_metadata",
        "image_neighbours",
        "umap_projection",
        "image_scores",
        "image_clusters",
        "cluster_names",
        "duplicates",
        "label_issues",
        "word_columns",
        "drift",
        "chroma_collection",
    ],
    kinds={"dataset"},
    tags=_BY_VERSION,
    **_COMMON,
)
def atlas(home: HomeResource, config: PublishConfig) -> dg.MaterializeResult:
    """The published atlas: one version of each part, named in one file that viewers follow.

    Nothing is published if a blocking check failed, or if more than half of the images are gone.
    """
    work = home.workspace(**overrides(config))
    step = publish.publish(work)
    more: dict[str, Any] = {"see_it": f"clipper view --home {work.home.name}"}
    if work.settings.map_url:
        more = {"map": dg.MetadataValue.url(work.settings.map_url)} | more
    return materialized(step, file=work.home.current, **more)


ASSETS: list[Blueprint] = [
    images_folder,
    image_manifest,
    image_contents,
    image_metadata,
    image_neighbours,
    umap_projection,
    chroma_collection,
    atlas,
]
