"""What Dagster's page shows of a step: counts, speed, a table of failures, pictures.

What does not belong here: drawing (`clipper.indexing.previews`).
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from clipper.indexing.workspace import Step

MOST_FAILURES = 200


def materialized(step: Step, **more: Any) -> dg.MaterializeResult:
    """A step as the result of the asset it made."""
    metadata: dict[str, Any] = {**step.counts, "seconds": step.seconds, **more}
    if (new := step.counts.get("new")) and step.seconds:
        metadata["images_per_second"] = round(new / step.seconds, 1)
    if step.failures:
        metadata["failures"] = _failures(step.failures)
    if step.notes:
        metadata["notes"] = dg.MetadataValue.text("\n".join(step.notes))
    return dg.MaterializeResult(
        asset_key=step.name, metadata=metadata, data_version=dg.DataVersion(step.version)
    )


def picture(png: bytes) -> dg.MarkdownMetadataValue:
    """A PNG, shown in the page itself."""
    return dg.MetadataValue.md(f"![preview](data:image/png;base64,{base64.b64encode(png).decode()})")


def columns_table(step: Step) -> dg.TableMetadataValue:
    """The metadata's columns: type, where each comes from, how many images have it, one value."""
    images = step.counts["images"]
    return table_of(
        [
            {
                "column": column.name,
                "type": column.type,
                "origin": column.source,
                "filled": f"{column.filled / images:.0%}",
                "example": column.example,
            }
            for column in step.columns
        ]
    )


def table_of(rows: Sequence[Mapping[str, Any]]) -> dg.TableMetadataValue:
    """Rows of the same columns as a table; numbers stay numbers."""
    kinds = {name: "integer" if isinstance(value, int) else "string" for name, value in rows[0].items()}
    return dg.MetadataValue.table(
        [dg.TableRecord(dict(row)) for row in rows],
        schema=dg.TableSchema([dg.TableColumn(name, kind) for name, kind in kinds.items()]),
    )


def _failures(failures: Mapping[str, str]) -> dg.TableMetadataValue:
    """At most so many rows; the last one says how many more there are."""
    rows = [{"file": name, "reason": reason} for name, reason in sorted(failures.items())]
    if (more := len(rows) - MOST_FAILURES) > 0:
        rows[MOST_FAILURES - 1 :] = [
            {"file": f"and {more + 1:,} more", "reason": "`clipper info --failures` lists all"}
        ]
    return table_of(rows)
