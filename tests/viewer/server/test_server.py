"""The image route and the page's document, with the real sample and the real server."""

import asyncio
import gzip
import io
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from bokeh.command.util import build_single_handler_application
from every_format import FORMATS
from panel.io.server import per_app_patterns
from panel_server import ROOT, fetch, serving
from PIL import Image
from visitor import Visitor

import clipper
from clipper.hashing import content_hash
from clipper.sandbox.process import SandboxPool
from viewer.compat import PromptSocket
from viewer.dataset.versions import dataset_with, load
from viewer.server import image_route
from viewer.server.handlers import is_allowed_host
from viewer.server.image_route import find_image
from viewer.session.state import ViewState

TRAVERSALS = [
    "../../clipper.toml", "..%2f..%2fclipper.toml", "%2e%2e/%2e%2e/clipper.toml", "....//clipper.toml",
    "/etc/passwd", "%2fetc%2fpasswd", "..\\..\\clipper.toml", "cat.jpg/../../clipper.toml", "CAT.JPG",
    "metadata.json", "./cat.jpg", "cat.jpg%00", "cat", "cat.jpg/", "%252e%252e%252fclipper.toml",
    "file:///etc/passwd", "nothing.jpg", "%ff%fe", "~", "/", "%00", "..",
    "%2e%2e%2f%2e%2e%2fstore%2fcurrent.json",
    "..%5c..%5cclipper.toml", "..%c0%af..%c0%afclipper.toml", "%uff0e%uff0e/clipper.toml", "..;/clipper.toml",
    "/proc/self/environ", "http://127.0.0.1/cat.jpg", "//example.org/cat.jpg",
    "cat-face.jpg%0d%0aX-Evil:%201",
    "cat-face.jpg/..", "\\\\server\\share\\cat.jpg", "C:%5cWindows%5cwin.ini", "data:image/png;base64,AAAA",
]  # fmt: skip


def exit_at_once(_request: object, _blobs: object) -> None:
    os._exit(11)


@pytest.fixture(scope="module")
def address(sample_home: Path) -> Iterator[str]:
    with serving(sample_home, options=("--warm",)) as url:
        yield url


def test_thumbnail_and_original(address: str, sample_home: Path) -> None:
    status, headers, body = fetch(f"{address}/viewer/img/thumb/cat-face.jpg?is=1")
    assert (status, headers["Content-Type"]) == (200, "image/webp")
    assert max(Image.open(io.BytesIO(body)).size) <= 128
    status, headers, body = fetch(f"{address}/viewer/img/full/cat-face.jpg?is=1")
    assert (status, headers["Content-Type"]) == (200, "image/jpeg")
    assert body == (sample_home / "images" / "cat-face.jpg").read_bytes()


def test_headers_keep_images_private_cached_and_inert(address: str, sample_home: Path) -> None:
    url = f"{address}/viewer/img/full/cat-face.jpg"
    stamp = content_hash((sample_home / "images" / "cat-face.jpg").read_bytes()).hex()
    _, headers, _ = fetch(f"{url}?is={stamp}")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "private" in headers["Cache-Control"]
    assert "immutable" in headers["Cache-Control"]
    assert "sandbox" in headers["Content-Security-Policy"]
    status, _, body = fetch(f"{url}?is={stamp}", **{"If-None-Match": headers["Etag"]})
    assert (status, body) == (304, b"")
    for unknown in (url, f"{url}?is=1"):
        assert "no-cache" in fetch(unknown)[1]["Cache-Control"]


@pytest.mark.parametrize("route", ["img/thumb", "img/full", "objects"])
@pytest.mark.parametrize("path", TRAVERSALS)
def test_what_is_no_id_is_not_found(address: str, route: str, path: str) -> None:
    status, _, body = fetch(f"{address}/viewer/{route}/{path}")
    assert 400 <= status < 500
    assert b"root:" not in body
    assert b"images =" not in body


def test_scripts_travel_compressed_to_browsers_that_read_it(address: str) -> None:
    page = fetch(f"{address}/viewer")[2].decode()
    scripts = set(re.findall(r'(?:src|href)="([^"]+\.(?:js|css)[^"]*)"', page))
    assert len(scripts) > 3
    urls = [urllib.parse.urljoin(f"{address}/viewer", script) for script in scripts]
    whole = small = 0
    for url in urls:
        status, headers, body = fetch(url)
        assert (status, headers.get("Content-Encoding")) == (200, None)
        status, headers, sent = fetch(url, **{"Accept-Encoding": "gzip, br"})
        assert (status, headers["Content-Encoding"], headers["Vary"]) == (200, "gzip", "Accept-Encoding")
        assert gzip.decompress(sent) == body
        whole, small = whole + len(body), small + len(sent)
        again = fetch(url, **{"Accept-Encoding": "gzip", "If-None-Match": headers["Etag"]})
        assert (again[0], again[2]) == (304, b"")
    assert small < whole / 3
    assert fetch(f"{address}/static/js/..%2f..%2fserver%2furls.py", **{"Accept-Encoding": "gzip"})[0] >= 400


def test_an_image_without_labels_has_no_objects(address: str) -> None:
    status, headers, body = fetch(f"{address}/viewer/objects/cat-face.jpg?is=1")
    assert (status, headers["Content-Type"].split(";")[0]) == (200, "application/json")
    assert body == b'{"total": 0, "boxes": []}'


def test_other_sizes_do_not_exist(address: str) -> None:
    assert fetch(f"{address}/viewer/img/raw/cat-face.jpg")[0] == 404


def test_a_name_that_a_stranger_leads_to_this_machine_is_answered_no_image(address: str) -> None:
    image = f"{address}/viewer/img/full/cat-face.jpg"
    port = urllib.parse.urlsplit(address).port
    for host in (
        f"evil.example:{port}",
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:1",
        "[",
    ):
        assert fetch(image, Host=host)[0] in {400, 403}, host
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", "127.0.0.1"):
        assert fetch(image, Host=host)[0] == 200, host


def test_a_name_that_the_websocket_is_allowed_for_is_answered() -> None:
    assert is_allowed_host("maps.example:443", {"maps.example:443"})
    assert is_allowed_host("maps.example", {"*"})
    assert is_allowed_host("maps.example", {"maps.example:80"})
    assert not is_allowed_host("maps.example", {"maps.example:443"})


def test_sign_in_guards_the_images(sample_home: Path) -> None:
    options = ("--basic-auth", "secret", "--cookie-secret", "for-this-test-only")
    with serving(sample_home, options=options) as url:
        image = f"{url}/viewer/img/thumb/cat-face.jpg"
        status, headers, body = fetch(image)
        assert status == 403
        assert not headers["Content-Type"].startswith("image/")
        assert fetch(f"{url}/viewer/objects/cat-face.jpg")[0] == 403
        assert b"WEBP" not in body
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        known = urllib.parse.urlencode({"username": "me", "password": "secret"}).encode()
        browser.open(f"{url}/login", known, timeout=240).close()
        with browser.open(image, timeout=240) as answer:
            assert (answer.status, answer.headers["Content-Type"]) == (200, "image/webp")


def test_the_document_is_made_without_failure(sample_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIPPER_HOME", str(sample_home))
    monkeypatch.chdir(ROOT)
    application = build_single_handler_application("viewer")
    application.create_document()
    assert not [handler.error_detail for handler in application.handlers if handler.failed]
    from viewer.app import page

    assert page().title == "Emoji"


def test_without_an_index_the_page_says_what_to_type(
    small_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIPPER_HOME", str(small_home))
    monkeypatch.chdir(ROOT)
    application = build_single_handler_application("viewer")
    application.create_document()
    assert not [handler.error_detail for handler in application.handlers if handler.failed]
    from viewer.app import page

    content = page().main[0]
    assert content.heading == "No index yet"
    assert "clipper index" in content.commands[0]


def test_without_a_home_the_page_says_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from viewer.app import page

    monkeypatch.chdir(tmp_path)
    content = page().main[0]
    assert content.heading == "Nothing to show yet"
    assert content.reason


def test_formats_browsers_cannot_show_are_converted(
    small_home: Path, run_index: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = Image.new("RGB", (40, 30), (200, 30, 60))
    picture.save(small_home / "images" / "scan.tiff")
    run_index(small_home)
    monkeypatch.setenv("CLIPPER_HOME", str(small_home))
    stamp = content_hash((small_home / "images" / "scan.tiff").read_bytes()).hex()
    sent = image_route.convert_or_thumbnail(find_image("full", "scan.tiff", stamp=stamp))
    assert (sent.content_type, sent.lasting, sent.lost) == ("image/png", True, "")
    assert Image.open(io.BytesIO(sent.data)).size == (40, 30)
    small = image_route.convert_or_thumbnail(find_image("medium", "scan.tiff", stamp=stamp))
    assert (small.content_type, small.larger) == ("image/webp", False)
    (small_home / "images" / "scan.tiff").unlink()
    sent = find_image("full", "scan.tiff", stamp=stamp)
    assert (sent.data, sent.lasting, sent.lost) == (find_image("thumb", "scan.tiff").data, False, "gone")
    with pytest.raises(KeyError):
        find_image("full", "../clipper.toml")


def test_photos_of_phones_and_cameras_are_shown_converted(
    small_home: Path, run_index: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("a.heic", "a.jxl", "a.psd", "a.nef", "a.cr3", "png inside.bmp")
    for name in names:
        (small_home / "images" / name).write_bytes(FORMATS[name][0]())
    run_index(small_home)
    monkeypatch.setenv("CLIPPER_HOME", str(small_home))
    for name in names:
        for size, content_type in (("medium", "image/webp"), ("view", "image/png"), ("full", "image/png")):
            sent = image_route.convert_or_thumbnail(find_image(size, name))
            assert (sent.content_type, sent.lost) == (content_type, "")
            with Image.open(io.BytesIO(sent.data)) as shown:
                shown.load()
                assert shown.width > shown.height


@pytest.mark.slow
def test_of_a_very_large_original_a_copy_is_shown_first(
    small_home: Path, run_index: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = Image.effect_noise((10_000, 3_000), 60).convert("RGB")  # thirty megapixels
    wide.save(small_home / "images" / "wide.jpg", quality=60)
    Image.new("RGB", (400, 300), (200, 30, 60)).save(small_home / "images" / "little.jpg")
    run_index(small_home)
    monkeypatch.setenv("CLIPPER_HOME", str(small_home))
    sizes = {}
    for size in ("medium", "view"):
        sent = image_route.convert_or_thumbnail(find_image(size, "wide.jpg"))
        assert (sent.content_type, sent.lost, sent.larger) == ("image/webp", "", size == "view")
        sizes[size] = Image.open(io.BytesIO(sent.data)).size
        little = find_image(size, "little.jpg")
        assert (little.content_type, little.larger) == ("image/jpeg", False)
        assert little.data == (small_home / "images" / "little.jpg").read_bytes()
    assert sizes == {"medium": (640, 192), "view": (2048, 614)}
    assert find_image("full", "wide.jpg").data == (small_home / "images" / "wide.jpg").read_bytes()


@pytest.mark.slow
def test_an_original_that_ends_its_decoder_costs_only_its_picture(
    small_home: Path, run_index: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (40, 30)).save(small_home / "images" / "scan.tiff")
    run_index(small_home)
    monkeypatch.setenv("CLIPPER_HOME", str(small_home))
    with SandboxPool(exit_at_once, seconds=20) as sandboxes, monkeypatch.context() as meanwhile:
        meanwhile.setattr(image_route, "_converting", sandboxes)
        assert image_route.convert_or_thumbnail(find_image("full", "scan.tiff")).lost == "unreadable"
    with pytest.raises(ValueError, match="pixels"):
        image_route.convert((small_home / "images" / "scan.tiff").read_bytes(), max_pixels=100)
    assert image_route.convert_or_thumbnail(find_image("full", "scan.tiff")).content_type == "image/png"


def test_an_export_is_sent_once_and_never_without_sign_in(sample_home: Path) -> None:
    options = ("--basic-auth", "secret", "--cookie-secret", "for-this-test-only")
    with serving(sample_home, options=options) as url:
        for token in ("x" * 32, "..%2f..%2fetc%2fpasswd", "x", "%00" * 20):
            assert fetch(f"{url}/viewer/export/{token}")[0] in {403, 404}
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        known = urllib.parse.urlencode({"username": "me", "password": "secret"}).encode()
        browser.open(f"{url}/login", known, timeout=240).close()
        with pytest.raises(urllib.error.HTTPError, match="404"):
            browser.open(f"{url}/viewer/export/{'x' * 32}", timeout=240)


def test_a_deleted_image_is_served_while_a_session_shows_it_and_no_longer(
    indexed_home: Path, run_index: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIPPER_HOME", str(indexed_home))
    session = ViewState(dataset=load())
    assert load() is session.dataset
    gone, other, *_ = sorted((indexed_home / "images").glob("*.jpg"))
    stamps = [content_hash(path.read_bytes()).hex() for path in (gone, other)]
    other.write_bytes(gone.read_bytes())
    assert find_image("full", other.name).lost == "changed"
    gone.unlink()
    assert find_image("full", gone.name, stamp=stamps[0]).lost == "gone"  # not published yet
    run_index(indexed_home)
    assert load().version == clipper.published_version() != session.dataset.version
    assert dataset_with(gone.name, stamps[0]) is session.dataset
    assert find_image("thumb", gone.name, stamp=stamps[0]).lasting
    assert find_image("thumb", other.name, stamp=stamps[1]).data != find_image("thumb", other.name).data
    assert find_image("full", other.name, stamp=stamps[0]).lasting  # the new version's
    with pytest.raises(KeyError):
        find_image("thumb", gone.name)
    session.end()
    for size in ("thumb", "full"):
        with pytest.raises(KeyError):
            find_image(size, gone.name, stamp=stamps[0])
    assert not find_image("thumb", other.name, stamp=stamps[1]).lasting


class Listener(Visitor):
    """A visitor who remembers in which order pictures and names came."""

    came: str = ""

    def _take(self, kind: str, content: dict[str, Any]) -> None:
        super()._take(kind, content)
        for event in content.get("events", []) if kind == "PATCH-DOC" else []:
            is_picture = "'jpeg'" in str(event.get("data") or event.get("new"))[:300]
            self.came += "picture " if is_picture else "names " if event.get("attr") == "names" else ""


async def _first_view(address: str) -> Listener:
    visitor = await Listener.come(address)
    await visitor.size()
    await visitor.look(-20.0, 41.0, -20.0, 21.5)
    await visitor.named()
    await visitor.leave()
    return visitor


def test_names_do_not_delay_the_picture_that_they_belong_to(address: str) -> None:
    with ThreadPoolExecutor(1) as pool:  # in this thread the browser's tests may have left a loop that runs
        visitor = pool.submit(asyncio.run, _first_view(address)).result()
    assert visitor.errors == []
    assert visitor.names
    assert visitor.came.startswith("picture names")


def test_websockets_send_at_once() -> None:
    build_single_handler_application(str(ROOT / "viewer"))
    assert PromptSocket in [pattern[1] for pattern in per_app_patterns]
