"""An explorer without a browser: its server, who may ask it, and what it says while no page is open."""

import asyncio
import http.client
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.ioloop import IOLoop
from tornado.websocket import websocket_connect
from visitor import Visitor

import clipper
from clipper.errors import ClipperError
from clipper.notebook import server as servers
from clipper.notebook.explorer import Explorer

SCRIPT = """
import sys
import clipper
explorer = clipper.open(sys.argv[1]).explore()
print(explorer._server._process.pid, explorer.address, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def explorer(once_indexed: Path) -> Iterator[Explorer]:
    explorer = clipper.open(once_indexed).explore()
    yield explorer
    explorer.stop()


def status(explorer: Explorer, path: str, **headers: str) -> tuple[int, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", explorer._server.port, timeout=300)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer.status, dict(answer.headers)


def test_without_a_page_nothing_is_selected_and_the_tables_have_their_columns(explorer: Explorer):
    assert explorer.selection.empty
    assert list(explorer.selection.columns) == list(explorer._atlas.metadata.columns)
    assert explorer.results.empty
    assert list(explorer.results.columns[:5]) == ["id", "path", "similarity", "x", "y"]
    assert explorer.query == ""


def test_a_search_before_the_page_is_open_is_what_the_page_begins_with(explorer: Explorer):
    explorer.search("a cat & a dog")
    assert explorer.query == "a cat & a dog"
    assert explorer.address.endswith("&q=a+cat+%26+a+dog")
    explorer.search("")
    assert "q=" not in explorer.address


async def _search_before_loaded(explorer: Explorer) -> None:
    address, query = explorer.address.split("/viewer")
    visitor = await Visitor.come(address, query=query, loaded=False)
    search = asyncio.create_task(asyncio.to_thread(explorer.search, "a cat"))
    await visitor.rest()
    await visitor.load()
    await search
    await visitor.rest()
    assert explorer.query == "a cat"
    assert not explorer.results.empty
    await visitor.leave()


def test_a_search_while_the_page_is_still_loading_is_answered_once_it_has(explorer: Explorer):
    with ThreadPoolExecutor(1) as pool:  # in this thread a browser's test may have left a loop
        pool.submit(asyncio.run, _search_before_loaded(explorer)).result()


def test_an_explorer_of_a_further_model_begins_with_its_map_and_follows_the_page_to_another(two_models: Path):
    first, other = clipper.open(two_models), clipper.open(two_models, model="other")
    page = {
        "open": True, "version": first.version, "model": "other", "query": "cat", "selection": first.ids[:2],
        "results": first.ids[3:5], "similarity": [0.5, 0.25],
    }  # fmt: skip
    server = SimpleNamespace(port=1, path="viewer", is_running=True, ask=lambda *_, **__: page)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(servers, "server_of", lambda _: server)
        explorers = [atlas.explore(proxy="") for atlas in (first, other)]
    assert ["model=other" in explorer.address for explorer in explorers] == [False, True]
    for model, atlas in (("other", other), (first.model, first), ("", first)):
        page["model"] = model  # as a visitor switches it; "" while no page is open
        for explorer in explorers:
            found = explorer.results
            assert found["id"].tolist() == first.ids[3:5]
            expected = atlas.points.loc[found["id"], ["x", "y"]].to_numpy()
            assert (found[["x", "y"]].to_numpy() == expected).all()
            assert explorer.selection.index.tolist() == first.ids[:2]


def test_outside_of_a_notebook_it_tells_its_address(explorer: Explorer):
    assert repr(explorer) == f"<Explorer of {explorer._atlas.title!r}: {explorer.address}>"
    parts = urlsplit(explorer.address)
    assert parts.hostname == "127.0.0.1"
    assert status(explorer, f"{parts.path}?{parts.query}")[0] == 200


@pytest.mark.linux
def test_whoever_does_not_know_the_secret_gets_nothing(explorer: Explorer):
    token = explorer._server.token
    assert len(token) >= 32
    wrong = token[:-1] + ("A" if token[-1] != "A" else "B")
    for path in ("/", "/viewer", "/viewer/explorer/none", "/static/js/bokeh.min.js", f"/{wrong}/viewer"):
        assert status(explorer, path)[0] == 404
    command = Path(f"/proc/{explorer._server._process.pid}/cmdline").read_bytes().decode()
    assert token not in command  # everybody on the machine may read it


def test_the_page_says_which_pages_may_frame_it_and_tells_its_address_to_none(explorer: Explorer):
    code, headers = status(explorer, f"/{explorer._server.path}")
    assert code == 200
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("frame-ancestors 'self' http://localhost:*")
    assert "*" not in policy.replace(":*", "")
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("host", "origin", "allowed"),
    [
        ("", "", True),
        ("hub.example.org", "https://hub.example.org", True),
        ("", "https://evil.example.org", False),
        ("hub.example.org", "https://evil.example.org", False),
        ("", "null", False),
    ],
)
def test_pages_of_other_hosts_cannot_open_the_websocket(
    explorer: Explorer, host: str, origin: str, allowed: bool
):
    own = f"127.0.0.1:{explorer._server.port}"
    headers = {"Host": host or own, "Origin": origin or f"http://{own}"}
    url = f"ws://{own}/{explorer._server.path}/ws"

    async def open_socket() -> None:
        request = HTTPRequest(url, headers=headers, connect_timeout=300, request_timeout=300)
        (await websocket_connect(request, subprotocols=["bokeh", "none"])).close()

    if allowed:
        IOLoop().run_sync(open_socket)
        return
    with pytest.raises(HTTPClientError) as refused:
        IOLoop().run_sync(open_socket)
    assert refused.value.code == 403


def test_images_are_served_whatever_a_proxy_calls_the_host(explorer: Explorer):
    image = f"/{explorer._server.path}/img/thumb/{explorer._atlas.metadata.index[0]}"
    assert status(explorer, image, Host="hub.example.org")[0] == 200


def test_a_cell_that_runs_again_uses_the_server_that_runs(explorer: Explorer, once_indexed: Path):
    again = clipper.open(once_indexed).explore()
    assert again._server is explorer._server
    assert again.address != explorer.address


def test_interrupting_a_cell_leaves_the_server_alone(explorer: Explorer):
    assert os.getsid(explorer._server._process.pid) != os.getsid(0)


@pytest.mark.parametrize("options", [{"width": "1;}"}, {"proxy": "javascript:x"}])
def test_odd_sizes_and_proxies_are_refused_before_a_server_starts(
    options: dict[str, str], indexed_home: Path
):
    with pytest.raises(ClipperError):
        clipper.open(indexed_home).explore(**options)
    assert indexed_home not in servers._servers


def test_stop_frees_the_port_and_the_process_and_only_those_of_its_atlas(
    explorer: Explorer, indexed_home: Path
):
    other = clipper.open(indexed_home).explore()
    process, port = other._server._process, other._server.port
    assert process.pid != explorer._server._process.pid
    other.stop()
    other.stop()
    assert process.returncode is not None
    with pytest.raises(ConnectionRefusedError):
        http.client.HTTPConnection("127.0.0.1", port, timeout=5).connect()
    assert "stopped" in repr(other)
    assert "stopped" in other._repr_html_()
    with pytest.raises(ClipperError, match="has ended; call"):
        other.selection  # noqa: B018 - reading it asks the server
    assert explorer.selection.empty


@pytest.mark.slow
def test_a_server_that_was_killed_is_replaced(indexed_home: Path):
    first = clipper.open(indexed_home).explore()
    first._server._process.kill()
    first._server._process.wait()
    second = clipper.open(indexed_home).explore()
    assert second.selection.empty
    second.stop()


@pytest.mark.linux
@pytest.mark.slow
def test_the_server_ends_with_the_process_that_started_it_however_that_ends(indexed_home: Path):
    parent = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(indexed_home)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert parent.stdout is not None
    child = int(parent.stdout.readline().split()[0])
    descriptor = os.pidfd_open(child)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    with os.fdopen(descriptor) as ended:  # readable once the process has ended
        assert select.select([ended], [], [], 280)[0]


def test_a_viewer_that_does_not_start_says_why(indexed_home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(servers, "COMMAND", ("-c", "raise SystemExit('no such thing')"))
    with pytest.raises(ClipperError, match="the viewer did not start: no such thing"):
        clipper.open(indexed_home).explore()
    assert indexed_home not in servers._servers
