"""The notice over the map: what has changed in the dataset since the visitor last dismissed the notice."""

from typing import Any

import param

from viewer.components.base import Component
from viewer.dataset.changes import DatasetChanges
from viewer.session.migration import News
from viewer.session.state import ViewState


class ChangeNotice(Component):
    """A headline with counts, a button that shows the new images, and one that dismisses the notice."""

    headline = param.String()
    note = param.String()
    action = param.String(doc='The text of the button that shows new images, "" if there are none.')

    script = "page/change_notice.js"
    _css = ("components.css", "page/change_notice.css")

    def follow(self, state: ViewState) -> None:
        """Show the news of the state, now and whenever they change."""
        state.param.watch(lambda event: self.param.update(**notice_view(event.new)), "news")
        self.param.update(**notice_view(state.news))


def notice_view(news: News | None) -> dict[str, Any]:
    """Return the texts of the notice."""
    if news is None:
        return {"headline": "", "note": "", "action": ""}
    changes = news.changes
    notes = [
        f"“{news.lost}”, which was open, was removed." if news.lost else "",
        "The map was laid out anew." if changes.map_relaid else "",
    ]
    action = "Show new" if changes.added else "Show changed"
    return {
        "headline": describe_changes(changes),
        "note": " ".join(note for note in notes if note),
        "action": action if changes.notable else "",
    }


def describe_changes(changes: DatasetChanges) -> str:
    """Describe changes in figures, such as "+12 images, -1, 3 changed", with a real minus sign."""
    parts = [f"{sign}{count:,}" for sign, count in _signed_counts(changes) if count]
    if parts:
        first = len(changes.added) or len(changes.removed)
        parts[0] += " image" if first == 1 else " images"
    others = (
        (changes.changed, "{} changed"),
        (changes.moved, "{} renamed"),
        (changes.edited, "new metadata for {}"),
    )
    parts += [words.format(f"{len(images):,}") for images, words in others if images]
    text = ", ".join(parts) or "The index was made anew"
    return text[0].upper() + text[1:]


def short_tally(changes: DatasetChanges) -> str:
    """Return the shortest description: "+12 / -1", "" if no image was added or removed."""
    return " / ".join(f"{sign}{count:,}" for sign, count in _signed_counts(changes) if count)


def _signed_counts(changes: DatasetChanges) -> tuple[tuple[str, int], ...]:
    return ("+", len(changes.added)), ("−", len(changes.removed))  # noqa: RUF001 - a minus sign
