"""What Dagster's pages show about a step: counts to plot, speed, a table of failures, files, pictures.

What does not belong here: drawing (`pipelines.previews`).
"""

import base64
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from clipper.hashing import digest
from clipper.images.archives.folder import open_images
from clipper.indexing.objects import folder_fingerprint, list_unopened
from clipper.indexing.staging.workspace import Step
from clipper.settings import Settings
from clipper.store.home import Home
from clipper.store.staged import ASSETS

MAX_FAILURES = 200
_TYPES = {int: "integer", float: "float", bool: "bool"}
# Seconds between two lines of the log about one download.
LOG_SECONDS = 10.0


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


def materialized(
    step: Step,
    *,
    home: Home | None = None,
    preview: bytes | Mapping[str, bytes] | None = None,
    **more: Any,
) -> dg.MaterializeResult:
    """A step as the result of the asset it made.

    Args:
        step: its counts are shown as numbers, which Dagster also plots over time.
        home: if the asset is a Parquet file there, its columns and rows are shown.
        preview: a PNG of what was made, or one for each model by its name.
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
    if home is not None and (file := _table_of(step, home)):
        metadata |= _shape(file)
    if step.columns:
        metadata |= {"column_types": _columns_table(step), "dagster/column_schema": _column_schema(step)}
    if step.further:
        metadata["further_models"] = table_of(
            [
                {"model": name, **each.counts, "seconds": each.seconds, "version": each.version}
                for name, each in step.further.items()
            ]
        )
    if "dagster/row_count" not in metadata and (rows := _rows(step)) is not None:
        metadata["dagster/row_count"] = rows
    others = [each.version for each in step.further.values()]
    version = digest(step.version, *others) if others else step.version
    return dg.MaterializeResult(asset_key=step.name, metadata=metadata, data_version=dg.DataVersion(version))


def _table_of(step: Step, home: Home) -> Path | None:
    """The Parquet file that a step made, if it is one."""
    part = next((part for part, asset in ASSETS.items() if asset == step.name), "")
    file = home.part(part, step.version)
    return file if part and step.version and file.is_file() else None


def _shape(file: Path) -> dict[str, Any]:
    """The columns and the number of rows of a Parquet file, from its footer alone."""
    with pq.ParquetFile(file) as table:
        columns = [dg.TableColumn(field.name, str(field.type)) for field in table.schema_arrow]
        rows = table.metadata.num_rows
    return {
        "file": dg.MetadataValue.path(file),
        "dagster/column_schema": dg.TableSchema(columns),
        "dagster/row_count": rows,
    }


def _rows(step: Step) -> int | None:
    """How many rows a part has that is no Parquet file."""
    if {"new", "reused"} <= step.counts.keys():
        return int(step.counts["new"] + step.counts["reused"])
    rows = step.counts.get("images", step.counts.get("rows"))
    return None if rows is None else int(rows)


def picture(png: bytes | Mapping[str, bytes]) -> dg.MarkdownMetadataValue:
    """A PNG, shown in the page itself; or some, each below its name."""
    named = {"": png} if isinstance(png, bytes) else png
    shown = [
        (f"`{name.replace('`', '')}`\n\n" if name else "")
        + f"![preview](data:image/png;base64,{base64.b64encode(each).decode()})"
        for name, each in named.items()
    ]
    return dg.MetadataValue.md("\n\n".join(shown))


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
    """Rows as a table; numbers stay numbers, and a row may lack what others have."""
    values = {name: value for row in reversed(rows) for name, value in row.items()}
    names = dict.fromkeys(name for row in rows for name in row)
    types = {name: _TYPES.get(type(values[name]), "string") for name in names}
    return dg.MetadataValue.table(
        [dg.TableRecord({name: row.get(name) for name in types}) for row in rows],
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


def download_lines(log: Callable[[str], None]) -> Callable[[str, int, int], None]:
    """Return a reporter of downloads that logs a line when one begins and ends, and every few seconds."""
    logged: dict[str, float] = {}

    def report(stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done >= total or now >= logged.get(stage, 0.0) + LOG_SECONDS:
            logged[stage] = now
            log(f"{stage}: {done / 1e6:,.0f} of {total / 1e6:,.0f} MB")

    return report
