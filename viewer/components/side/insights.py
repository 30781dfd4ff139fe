"""The panel of insights: a card for each finding; or one finding, its images, and what to do about them.

An open finding is the selection, so the map shows it, and every mark beside an image is a step of the
selection. What does not belong here: what the page shows of a finding (`finding_view.py`).
"""

from collections import deque
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import param

from clipper.atlas.findings import Finding
from clipper.export.formats.dataset import EXCLUDED
from viewer.components.base import Component
from viewer.components.map.map import MapView
from viewer.components.side.finding_view import (
    finding_cards,
    finding_items,
    finding_view,
    folded_positions,
    group_sizes,
    shown_positions,
)
from viewer.dataset.columns.filters import is_member
from viewer.dataset.columns.tag_column import count_tags
from viewer.dataset.dataset import Dataset
from viewer.dataset.findings.findings import Findings, are_copies, find_by_key, findings_of, known_findings
from viewer.dataset.findings.lists import FindingList
from viewer.pools import VERSION_POOL
from viewer.session.background import failed, in_background
from viewer.session.export_offers import MAX_OFFERS, offer, withdraw
from viewer.session.selection import SelectionSource, apply_step, clear_selection, rows_of_target
from viewer.session.state import LAYOUT, ViewState
from viewer.session.steps import Found, Mode, OneImage, SelectionStep, Target
from viewer.session.workers.tags import TagWorker

if TYPE_CHECKING:
    from concurrent.futures import Future

PAGE_SIZE = 60  # images sent at a time
_NONE = np.empty(0, np.int64)


class InsightsPanel(Component):
    """The contents of the panel."""

    cards = param.List(doc="A card for each finding.")
    status = param.String(doc='"": the cards are all; "looking" or "failed": they are not known.')
    found = param.Dict(default={}, doc="The open finding: its words and counts; {}: none.")
    start = param.Integer(doc="The position of the first of `items` in the finding's list.")
    total = param.Integer(doc="How many images the list has; others are folded.")
    items = param.List(doc="One page of the finding's images.")
    turn = param.Integer(doc="Changes with each page that is sent.")
    unfolded = param.Dict(default={}, doc="A group, and its images that were folded.")
    unchosen = param.List(doc="The positions of those that were sent and are not chosen.")
    excluded = param.List(doc="The positions of those that were sent and that exports leave out.")
    chosen = param.Integer(doc="How many images of the finding are chosen.")
    chosen_spare = param.Integer(doc="How many of them are not to keep.")
    left_out = param.Integer(doc="How many of them exports leave out.")
    given = param.List(doc="Their tags: name, and how many of them have it.")
    known = param.List(doc="The names of all tags.")
    trouble = param.String(doc="Why a tag could not be kept.")
    note = param.String(doc="What the last action left undone, and why.")
    offered = param.Dict(default={}, doc="A list to download: its token and format.")
    selected = param.String(doc="The id of the image that is open.")

    script = "side/insights.js"
    _css = (
        "components.css",
        "side/gallery.css",
        "side/tagging.css",
        "side/selection_panel.css",
        "side/parts.css",
        "side/insights.css",
        "side/stages.css",
        "boxes.css",
        "side/comparison.css",
    )

    def follow(self, state: ViewState, view: MapView, tag_worker: TagWorker) -> None:
        """Show the state's findings, now and whenever they change."""
        self._state, self._tag_worker = state, tag_worker
        self._positions = self._listed = self._sent = _NONE
        self._sizes: dict[int, int] = {}
        self._shown: tuple[Finding | None, np.ndarray | None] = (None, None)
        self._tokens: deque[str] = deque(maxlen=MAX_OFFERS)
        tag_worker.on_error.append(lambda why: setattr(self, "trouble", why))
        self._actions |= {
            "show": lambda m: self._show(str(m.get("key", ""))),
            "back": lambda _: self.close(),
            "again": lambda _: self._seek(),
            "more": self._more,
            "unfold": self._unfold,
            "zoom": lambda _: view.camera.show_images(self._rows()),
            "choose_all": lambda _: self._choose(Found(state.finding)),
            "choose_spare": lambda _: self._choose(Found(state.finding, spare=True)),
            "choose_none": lambda _: clear_selection(state),
            "tick": self._tick,
            "tick_group": self._tick_group,
            "tag": lambda m: self._tag(str(m.get("text", ""))[:500]),
            "untag": lambda m: tag_worker.remove(str(m.get("tag", "")), self._chosen_rows()),
            "exclude": lambda _: self._tag(EXCLUDED),
            "include": lambda _: tag_worker.remove(EXCLUDED, self._chosen_rows()),
            "export": self._export,
        }
        state.param.watch(self._seek, "dataset")
        state.param.watch(self._update, ["findings", "finding", "dataset", "kept", *LAYOUT])
        state.param.watch(self._mark, ["selection", "tags"])
        state.param.watch(self._opened, ["selected", "dataset"])
        self._seek()
        self._update()

    def end(self) -> None:
        """End the session: release what may be large."""
        self._positions = self._listed = self._sent = _NONE
        self._shown = (None, None)
        withdraw(self._tokens)

    def close(self) -> None:
        """Go back to the cards; what is selected stays, unless it is the finding itself."""
        state = self._state
        own = self._selects_finding()
        state.param.update(
            finding="",
            selection=None if own else state.selection,
            steps=[] if own else state.steps,
        )

    # -- findings

    def _seek(self, *_events: Any) -> None:
        """Read the findings of the version shown; work them out if this has not been done."""
        dataset = self._state.dataset
        known = known_findings(dataset)
        if known is not None:
            self._set(dataset, known)
            return
        self.status = "looking"
        in_background(partial(findings_of, dataset), partial(self._found, dataset), pool=VERSION_POOL)

    def _found(self, dataset: Dataset, done: "Future[Findings]") -> None:
        if dataset is not self._state.dataset:
            return
        if failed(done, "looking for findings"):
            self.status = "failed"
        else:
            self._set(dataset, done.result())

    def _set(self, dataset: Dataset, findings: Findings) -> None:
        """Show findings; close the open one if it is not among them."""
        state = self._state
        missing = find_by_key(findings, state.finding) is None
        self.param.update(cards=finding_cards(dataset, findings), status="")
        state.param.update(findings=findings, finding="" if missing else state.finding)

    def _selects_finding(self) -> bool:
        """Whether the selection is the open finding, or a part of it."""
        state = self._state
        targets = [step.target for step in state.steps]
        own = [isinstance(target, Found) and target.key == state.finding for target in targets]
        return bool(own) and own[0] and all(
            mine or isinstance(target, OneImage) for mine, target in zip(own, targets, strict=True)
        )  # fmt: skip

    def _show(self, key: str) -> None:
        """Open a finding and select its images."""
        if find_by_key(self._state.findings, key) is not None:
            self._state.finding = key
            self._choose(Found(key))

    # -- images

    def _update(self, *_events: Any) -> None:
        state, finding = self._state, self._state.open_finding
        self.visible = state.shows("insights")
        if state.findings is not None and state.finding and finding is None:
            state.finding = ""  # an old link's
            return
        before, kept = self._shown
        if finding is before and (finding is None or kept is state.kept):
            return
        self._shown = finding, state.kept
        self._list(finding)
        if before is not None and finding is not None and before.key == finding.key:
            self._follow_selection()

    def _list(self, finding: Finding | None) -> None:
        """Show the images of the open finding from the first on."""
        self._positions = self._listed = self._sent = _NONE
        if finding is not None:
            self._positions = self._state.found_positions()
            self._listed = shown_positions(finding, self._positions)
            self._sizes = group_sizes(finding, self._positions)
        self.param.update(note="", found={} if finding is None else finding_view(finding, self._positions))
        self._send(0)

    def _follow_selection(self) -> None:
        """Select the finding anew if it is the selection: its images may have changed."""
        steps = self._state.steps
        if len(steps) == 1 and self._selects_finding():
            self._choose(steps[0].target)

    def _send(self, start: int) -> None:
        state, finding = self._state, self._state.open_finding
        page = self._listed[start : start + PAGE_SIZE]
        self._sent = np.append(_NONE if start == 0 else self._sent, page)
        self._mark()
        items = [] if finding is None else finding_items(state.dataset, finding, page, self._sizes)
        self.param.update(start=start, total=len(self._listed), items=items, turn=self.turn + 1)

    def _more(self, message: Mapping[str, Any]) -> None:
        """Send the images that follow those the page has."""
        start = message.get("start")
        if isinstance(start, int) and 0 <= start < len(self._listed):
            self._send(start)

    def _unfold(self, message: Mapping[str, Any]) -> None:
        """Send the folded images of a group."""
        group, finding = message.get("group"), self._state.open_finding
        if not isinstance(group, int) or finding is None:
            return
        folded = folded_positions(finding, self._positions, group)
        self._sent = np.append(self._sent, folded)
        self._mark()
        items = finding_items(self._state.dataset, finding, folded, self._sizes)
        self.unfolded = {"group": group, "items": items}

    def _opened(self, *_events: Any) -> None:
        self.selected = self._state.dataset.id_of(self._state.selected)

    def _mark(self, *_events: Any) -> None:
        """Show which images are chosen, what tags they have, and which of all exports leave out."""
        state, finding = self._state, self._state.open_finding
        if finding is None:
            self.param.update(chosen=0, unchosen=[], excluded=[])
            return
        chosen, excluded = self._are_chosen(), is_member(finding.rows, state.tags.get(EXCLUDED, _NONE))
        spare = chosen if finding.keep is None else chosen & ~finding.keep
        tags = count_tags(state.tags, self._chosen_rows())
        self.param.update(
            unchosen=self._sent[~chosen[self._sent]].tolist(),
            excluded=self._sent[excluded[self._sent]].tolist(),
            chosen=int(np.count_nonzero(chosen)),
            chosen_spare=int(np.count_nonzero(spare)),
            left_out=int(np.count_nonzero(chosen & excluded)),
            given=[[tag, count] for tag, count in tags.items() if tag != EXCLUDED],
            known=sorted(state.tags),
        )

    def _are_chosen(self) -> np.ndarray:
        """Return which rows of the open finding are selected and pass the filters, (k,) bool."""
        finding, selection = self._state.open_finding, self._state.selection
        if finding is None:
            return np.empty(0, bool)
        passes = np.zeros(len(finding.rows), bool)
        passes[self._positions] = True
        return passes & is_member(finding.rows, _NONE if selection is None else selection)

    def _rows(self) -> np.ndarray:
        """Return the rows of the open finding that pass the filters."""
        finding = self._state.open_finding
        return _NONE if finding is None else finding.rows[self._positions]

    def _chosen_rows(self) -> np.ndarray:
        finding = self._state.open_finding
        return _NONE if finding is None else np.unique(finding.rows[self._are_chosen()])

    # -- actions

    def _choose(self, target: Target, *, mode: Mode = "replace") -> None:
        state = self._state
        rows = rows_of_target(target, SelectionSource.of(state), state.tags, kept=state.kept)
        apply_step(state, SelectionStep(mode, target), rows)

    def _tick(self, message: Mapping[str, Any]) -> None:
        """Choose one image, or do not choose it."""
        image_id = message.get("id")
        if isinstance(image_id, str) and self._state.dataset.row_of(image_id) is not None:
            self._choose(OneImage(image_id), mode=_mode(message))

    def _tick_group(self, message: Mapping[str, Any]) -> None:
        """Choose the images of a group, or do not choose them."""
        image_id = message.get("id")
        if isinstance(image_id, str) and self._state.finding:
            self._choose(Found(self._state.finding, beside=image_id), mode=_mode(message))

    def _tag(self, text: str) -> None:
        """Tag what is chosen, except for copies of what is not: the tag would be theirs, too."""
        state, finding = self._state, self._state.open_finding
        rows = self._chosen_rows()
        if finding is None or not len(rows):
            return
        others = np.setdiff1d(finding.rows, rows)
        copies = are_copies(state.dataset, rows, others)
        self.note = _describe_copies(int(np.count_nonzero(copies)))
        if not copies.all():
            self._tag_worker.add(text, rows[~copies])

    def _export(self, message: Mapping[str, Any]) -> None:
        """Offer the list of what is chosen."""
        kind, state, finding = message.get("format"), self._state, self._state.open_finding
        positions = np.flatnonzero(self._are_chosen())
        if finding is None or kind not in FindingList.kinds or not len(positions):
            return
        token = offer(FindingList(state.dataset, finding, positions, dict(state.tags)), kind)
        self._tokens.append(token)
        self.offered = {"token": token, "kind": kind}


def _mode(message: Mapping[str, Any]) -> Mode:
    return "add" if message.get("on") is True else "subtract"


def _describe_copies(count: int) -> str:
    """Return why some copies were not tagged; "" without any."""
    if not count:
        return ""
    one = count == 1
    return (
        f"{count:,} {'is' if one else 'are'} left as {'it is' if one else 'they are'}: the very same file as "
        "an image that is not chosen here. A tag belongs to both. Save the list to act on the files."
    )
