"""The notice over the map: what has changed since the visitor last said that it is known."""

from typing import Any

import param

from viewer.components.base import Component
from viewer.dataset.changes import DatasetChanges
from viewer.session.migration import News
from viewer.session.state import ViewState


class ChangeNotice(Component):
    """A few words and figures, a button that shows what is new, one that closes it."""

    headline = param.String()
    note = param.String()
    action = param.String(doc='The words on the button that shows what is new, "" where nothing is.')

    script = "page/change_notice.js"
    _css = ("components.css", "page/change_notice.css")

    def follow(self, state: ViewState) -> None:
        """Show the news, now and whenever they change."""
        state.param.watch(lambda event: self.param.update(**notice_view(event.new)), "news")
        self.param.update(**notice_view(state.news))


def notice_view(news: News | None) -> dict[str, Any]:
    """What the notice says."""
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
    """The changes in figures, such as "+12 images, -1, 3 changed", with a real minus."""
    parts = [f"{sign}{count:,}" for sign, count in _signed(changes) if count]
    if parts:
        first = len(changes.added) or len(changes.removed)
        parts[0] += " image" if first == 1 else " images"
    others = (
        (changes.changed, "{} changed"),
        (changes.moved, "{} renamed"),
        (changes.edited, "new metadata for {}"),
    )
    parts += [said.format(f"{len(images):,}") for images, said in others if images]
    text = ", ".join(parts) or "The index was made anew"
    return text[0].upper() + text[1:]


def short_tally(changes: DatasetChanges) -> str:
    """The shortest form: "+12 / -1", "" where no image came or went."""
    return " / ".join(f"{sign}{count:,}" for sign, count in _signed(changes) if count)


def _signed(changes: DatasetChanges) -> tuple[tuple[str, int], ...]:
    return ("+", len(changes.added)), ("−", len(changes.removed))  # noqa: RUF001 - a minus sign
