"""What Dagster's pages show about a step: counts to plot, speed, a table of failures, files, pictures.

What does not belong here: drawing (`pipelines.previews`).
"""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from clipper.images.archives.folder import open_images
from clipper.indexing.objects import folder_fingerprint, list_unopened
from clipper.indexing.staging.workspace import Step
from clipper.settings import Settings

MAX_FAILURES = 200


def observed(settings: Settings) -> dg.ObserveResult:
    """The images folder as it is now: its fingerprint as the data version, and how much is in it."""
    folder = open_images(settings.images_location)
    listing = list_unopened(settings)
    megabytes = sum(image.bytes for image in listing.images) / 1e6
    metadata: dict[str, Any] = {
        "location": dg.MetadataValue.text(folder.location) if folder.remote else Path(folder.location),
        "images": len(listing.images),
        "other_files": sum(listing.others.values()),
        "megabytes": round(megabytes, 1),
    }
    return dg.ObserveResult(
        metadata=metadata, data_version=dg.DataVersion(folder_fingerprint(settings, listing))
    )


def materialized(step: Step, *, preview: bytes | None = None, **more: Any) -> dg.MaterializeResult:
    """A step as the result of the asset it made.

    Args:
        step: its counts are shown as numbers, which Dagster also plots over time.
        preview: a PNG of what was made.
        more: further metadata, by name.
    """
    # In the order of the asset's page: first what a person looks for.
    metadata: dict[str, Any] = {} if preview is None else {"preview": picture(preview)}
    if step.failures:
        metadata["failures"] = _failures(step.failures)
    if step.notes:
        metadata["notes"] = dg.MetadataValue.text("\n".join(step.notes))
    if step.rows:
        metadata["found"] = table_of(step.rows)
    metadata |= {**step.counts, "seconds": step.seconds, **more}
    if (new := step.counts.get("new")) and step.seconds:
        metadata["images_per_second"] = round(new / step.seconds, 1)
    if step.columns:
        metadata |= {"column_types": _columns_table(step), "dagster/column_schema": _column_schema(step)}
    if (rows := step.counts.get("images", step.counts.get("rows"))) is not None:
        metadata["dagster/row_count"] = rows
    return dg.MaterializeResult(
        asset_key=step.name, metadata=metadata, data_version=dg.DataVersion(step.version)
    )


def picture(png: bytes) -> dg.MarkdownMetadataValue:
    """A PNG, shown in the page itself."""
    return dg.MetadataValue.md(f"![preview](data:image/png;base64,{base64.b64encode(png).decode()})")


def _columns_table(step: Step) -> dg.TableMetadataValue:
    """The metadata's columns: type, where each comes from, how many images have it, one value."""
    return table_of(
        [
            {
                "column": column.name,
                "type": column.type,
                "origin": column.source,
                "filled": _share(column.filled, step),
                "example": column.example,
            }
            for column in step.columns
        ]
    )


def _column_schema(step: Step) -> dg.TableSchema:
    """The metadata's columns as the asset's page lists them."""
    return dg.TableSchema(
        [
            dg.TableColumn(
                column.name,
                column.type,
                description=f"From {column.source}; {_share(column.filled, step)} of the images have it",
            )
            for column in step.columns
        ]
    )


def table_of(rows: Sequence[Mapping[str, Any]]) -> dg.TableMetadataValue:
    """Rows that have the same columns as a table; numbers stay numbers."""
    types = {name: "integer" if isinstance(value, int) else "string" for name, value in rows[0].items()}
    return dg.MetadataValue.table(
        [dg.TableRecord(dict(row)) for row in rows],
        schema=dg.TableSchema([dg.TableColumn(name, type_) for name, type_ in types.items()]),
    )


def _share(filled: int, step: Step) -> str:
    return f"{filled / step.counts['images']:.0%}"


def _failures(failures: Mapping[str, str]) -> dg.TableMetadataValue:
    """A table of at most MAX_FAILURES rows; the last one says how many more there are."""
    rows = [{"file": name, "reason": reason} for name, reason in sorted(failures.items())]
    if (more := len(rows) - MAX_FAILURES) > 0:
        rows[MAX_FAILURES - 1 :] = [
            {"file": f"and {more + 1:,} more", "reason": "`clipper info --failures` lists all"}
        ]
    return table_of(rows)
