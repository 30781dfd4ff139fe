"""The assets, from an images folder to a published atlas. Each is thin: it calls one step of `clipper`.

What does not belong here: what is checked afterwards (`checks.py`) and when things run (`automation.py`).
"""

from collections.abc import Iterator
from functools import partial

import dagster as dg

from clipper.chroma.build import COLLECTION_VERSION
from clipper.images.decode import DECODER_VERSION
from clipper.indexing import collect, metadata, previews, project, publish, scan
from clipper.indexing.embed import CONTENT_PARTS, embed_images
from clipper.metadata.join import METADATA_VERSION
from clipper.models.source import PREPROCESS_VERSION
from clipper.projection.layout import PROJECTION_VERSION
from clipper.store.facts import FACTS_VERSION
from pipelines.config import EmbedConfig, ProjectionConfig, PublishConfig, ScanConfig, overrides
from pipelines.failures import asset, multi_asset
from pipelines.presentation import columns_table, materialized, picture
from pipelines.resources import HomeResource

GROUP = "atlas"


@asset(group_name=GROUP, kinds={"python"})
def image_manifest(home: HomeResource, config: ScanConfig) -> dg.MaterializeResult:
    """What is in the images folder: path, content hash, size and time of each file."""
    return materialized(scan.scan_images(home.workspace(**overrides(config))))


# What the one decoding gives: each part can be asked for alone.
_content_spec = partial(dg.AssetSpec, deps=[image_manifest], skippable=True, group_name=GROUP)


@multi_asset(
    specs=[
        _content_spec(
            "clip_embeddings",
            kinds={"torch"},
            code_version=PREPROCESS_VERSION,
            description="A CLIP vector of each image, kept by content.",
        ),
        _content_spec(
            "thumbnails",
            kinds={"pillow"},
            code_version=DECODER_VERSION,
            description="A small WebP of each image, kept by content.",
        ),
        _content_spec(
            "image_facts",
            kinds={"pillow"},
            code_version=FACTS_VERSION,
            description="Size, format and EXIF of each image, or why it could not be used.",
        ),
    ],
    can_subset=True,
)
def image_contents(
    context: dg.AssetExecutionContext, home: HomeResource, config: EmbedConfig
) -> Iterator[dg.MaterializeResult]:
    """One decoding of each new image gives its vector, its thumbnail and its facts."""
    wanted = [name for name in CONTENT_PARTS if dg.AssetKey(name) in context.selected_asset_keys]
    work = home.workspace(**overrides(config))
    for name, step in embed_images(work, wanted=wanted).items():
        more = {"preview": picture(previews.thumbnail_sheet(work))} if name == "thumbnails" else {}
        yield materialized(step, **more)


@asset(
    deps=["image_manifest", "image_facts"],
    group_name=GROUP,
    kinds={"parquet"},
    code_version=METADATA_VERSION,
)
def image_metadata(home: HomeResource) -> dg.MaterializeResult:
    """Metadata.json, metadata.csv, metadata.parquet, folder names and file facts as typed columns."""
    step = metadata.join_metadata(home.workspace())
    return materialized(step, column_types=columns_table(step))


@asset(
    deps=["clip_embeddings", "image_facts"],
    group_name=GROUP,
    kinds={"umap"},
    code_version=PROJECTION_VERSION,
)
def umap_projection(home: HomeResource, config: ProjectionConfig) -> dg.MaterializeResult:
    """Each image's place on the map."""
    work = home.workspace(**overrides(config, prefix="umap_"))
    step = project.project_images(work)
    return materialized(step, preview=picture(previews.map_preview(work)))


@asset(
    deps=["clip_embeddings", "image_metadata", "umap_projection"],
    group_name=GROUP,
    kinds={"chroma"},
    code_version=COLLECTION_VERSION,
)
def chroma_collection(home: HomeResource) -> dg.MaterializeResult:
    """A Chroma row for each image: vector, metadata and place; searchable by any Chroma client."""
    return materialized(collect.collect(home.workspace()))


@asset(
    deps=["image_manifest", "thumbnails", "image_metadata", "umap_projection", "chroma_collection"],
    group_name=GROUP,
)
def atlas(home: HomeResource, config: PublishConfig) -> dg.MaterializeResult:
    """Publishes: one version of each part, named in one file; viewers follow it."""
    return materialized(publish.publish(home.workspace(**overrides(config))))


ASSETS = [image_manifest, image_contents, image_metadata, umap_projection, chroma_collection, atlas]
