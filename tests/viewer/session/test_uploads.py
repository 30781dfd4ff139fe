"""Images that a visitor hands to the page: limits, interruptions, and what they are asked for; no browser."""

from collections.abc import Callable

import numpy as np
import pytest

from clipper.errors import BadImageError, ClipperError
from clipper.query_syntax import Term, parse
from viewer.components.side.result_cards import term_views
from viewer.dataset.dataset import Dataset
from viewer.session.answers import Upload
from viewer.session.search import Searcher, run_query
from viewer.session.state import MAX_UPLOADS, ViewState
from viewer.session.uploads import MAX_BYTES, MAX_TRANSFERS, SLOTS, Uploads


@pytest.fixture
def uploads(state: ViewState, searcher: Searcher) -> Uploads:
    return Uploads(state, ready=searcher.add_image)


def send(uploads: Uploads, data: bytes, *, name: str = "a.png", number: int = 1, chunk: int = 1_000) -> None:
    uploads.begin({"number": number, "name": name, "size": len(data)})
    for at in range(0, max(len(data), 1), chunk):
        uploads.part({"number": number, "data": data[at : at + chunk]})


def test_an_upload_becomes_a_term(state: ViewState, searcher: Searcher, uploads: Uploads) -> None:
    searcher.ask("dog")
    send(uploads, b"x" * 2_500, name="my\ncat.png")
    (key,) = state.uploads
    assert state.dataset.atlas.uploaded == [b"x" * 2_500]
    assert state.terms == (Term("dog"), Term(like=key))
    assert state.answer.title == "dog like “my cat.png”"
    assert state.dataset.atlas.queries[-1].known[key].shape == (5,)
    assert term_views(state)[1]["picture"].startswith("data:image/webp;base64,")
    assert state.uploading == ""
    searcher.ask(state.answer.text)  # as from the history
    assert state.answer.title == "dog like “my cat.png”"
    state.dataset.atlas.fingerprint = "another model"
    searcher.ask(state.answer.text)
    assert "drop it in once more" in state.message


def too_large(uploads: Uploads) -> None:
    uploads.begin({"number": 1, "name": "big.png", "size": 21_000_000})


def refused_by_the_browser(uploads: Uploads) -> None:
    uploads.refuse({"why": "many", "count": 100})


def a_link(uploads: Uploads) -> None:
    uploads.refuse({"why": "link"})


def more_than_announced(uploads: Uploads) -> None:
    uploads.begin({"number": 1, "name": "a.png", "size": 10})
    uploads.part({"number": 1, "data": b"x" * 11})


def a_text(uploads: Uploads) -> None:
    send(uploads, b"text")


def nothing(uploads: Uploads) -> None:
    send(uploads, b"")


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (too_large, "That file has 21.0 MB; up to 20 MB are read. Make it smaller first."),
        (refused_by_the_browser, "Those were 100 files. Drop one image at a time."),
        (a_link, "A link is not opened: nothing is ever fetched for you. Save the image and drop the file."),
        (more_than_announced, "The image did not arrive whole. Drop it once more."),
        (a_text, "“a.png” cannot be searched with: it is not an image but text."),
        (nothing, "“a.png” cannot be searched with: it is empty."),
    ],
)
def test_what_cannot_be_used_is_reported(
    state: ViewState, uploads: Uploads, act: Callable[[Uploads], None], message: str
) -> None:
    act(uploads)
    assert state.message == message
    assert (state.uploads, state.answer, state.uploading) == ({}, None, "")
    assert len(SLOTS) == 0


def test_a_file_that_cannot_be_read_after_all_is_no_longer_waited_for(
    state: ViewState, uploads: Uploads
) -> None:
    uploads.begin({"number": 1, "name": "photos", "size": 4096})  # a folder: only reading it tells
    assert state.uploading == "photos"
    uploads.refuse({"why": "nothing"})
    assert state.uploading == ""
    assert len(SLOTS) == 0
    assert "no image in that" in state.message


def test_who_announces_nothing_and_sends_nothing_makes_room_too(
    state: ViewState, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitors = [Uploads(state, ready=lambda _: None) for _ in range(MAX_TRANSFERS + 1)]
    monkeypatch.setattr("viewer.session.uploads.STALL_TIMEOUT", 0.0)
    for one in visitors:
        one.begin({"number": 1, "name": "a.png", "size": 0})
        assert state.uploading == "a.png"
    for one in visitors:
        one.end()


def test_messages_that_no_browser_of_ours_sends_are_ignored(state: ViewState, uploads: Uploads) -> None:
    for message in ({}, {"number": "1", "size": 3, "name": "a"}, {"number": 1, "size": -1, "name": "a"}):
        uploads.begin(message)
    uploads.part({"number": 1, "data": b"x"})
    uploads.begin({"number": 1, "size": 3, "name": "a"})
    for message in ({}, {"number": 2, "data": b"abc"}, {"number": 1, "data": "abc"}):
        uploads.part(message)
    uploads.refuse({"why": "<script>"})
    assert (state.uploads, state.message) == ({}, "")
    uploads.stop()


def test_so_many_uploads_at_once_and_no_more(state: ViewState, searcher: Searcher) -> None:
    sessions = [Uploads(state, ready=searcher.add_image) for _ in range(MAX_TRANSFERS + 1)]
    for one in sessions:
        one.begin({"number": 1, "name": "a.png", "size": MAX_BYTES})
    assert "Try again in a moment" in state.message
    sessions[0].stop()
    sessions[0].stop()
    assert len(SLOTS) == MAX_TRANSFERS - 1
    for one in sessions:
        one.end()
    assert len(SLOTS) == 0


def test_who_stops_sending_makes_room_for_others(
    state: ViewState, searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = [Uploads(state, ready=searcher.add_image) for _ in range(MAX_TRANSFERS)]
    for one in stuck:
        one.begin({"number": 1, "name": "a.png", "size": 9})
        one.part({"number": 1, "data": b"abc"})
    monkeypatch.setattr("viewer.session.uploads.STALL_TIMEOUT", 0.0)
    send(Uploads(state, ready=searcher.add_image), b"x" * 10)
    assert len(state.uploads) == 1
    stuck[0].part({"number": 1, "data": b"defghi"})
    assert "did not arrive whole" in state.message
    for one in stuck:
        one.end()
    assert len(SLOTS) == 0


def test_a_message_of_megabytes_is_not_read(state: ViewState, searcher: Searcher) -> None:
    searcher.ask_words("-x " * 10**6)
    assert state.message == "That is 3,000,000 characters; shorten it."
    searcher.ask(" ".join(f"-{i}" for i in range(20)))
    assert "20 terms; 16" in state.message


def test_the_latest_uploads_are_remembered(state: ViewState) -> None:
    for number in range(MAX_UPLOADS + 3):
        state.add_upload(str(number), Upload(str(number), np.ones(5, np.float32), b"", "fake"))
    assert list(state.uploads) == [str(number) for number in range(3, MAX_UPLOADS + 3)]


def test_an_upload_that_was_not_kept_is_reported(dataset: Dataset) -> None:
    with pytest.raises(ClipperError, match="drop it in once more"):
        run_query(dataset, parse("like:upload:abc"))


def test_an_unreadable_upload_is_the_files_fault(state: ViewState, uploads: Uploads) -> None:
    def broken(_data: bytes, **_limits: object) -> None:
        raise BadImageError("needs more memory than 2 GiB to decode")

    state.dataset.atlas.embed_upload = broken
    send(uploads, b"bomb", name="bomb.png")
    assert state.message == "“bomb.png” cannot be searched with: it needs more memory than 2 GiB to decode."
