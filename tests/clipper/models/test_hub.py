"""Fetching a model: the real client of the hub, and a hub on loopback that fails in every way."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image

from clipper.errors import HubError, ModelError
from clipper.models import download, source
from clipper.models.hub import hub_folder, reporting
from clipper.settings import Settings
from tests.clipper.fake_hub import FakeHub, serve
from tests.clipper.plain_user import run_as_plain_user

NAME = "somebody/clip-tiny"
SIZE = 400_000


def files_of(seed: int = 1) -> dict[str, bytes]:
    config = {"model_type": "clip", "projection_dim": 8, "vision_config": {"image_size": 32}, "seed": seed}
    return {
        "README.md": b"not needed",
        "config.json": json.dumps(config).encode(),
        "tokenizer.json": b'{"padding": ""}' + b" " * 30_000,
        "model.safetensors": bytes((i * i * seed) % 251 for i in range(SIZE)),
        "pytorch_model.bin": b"never fetched",
    }


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub with one model, which the client in this process asks; its cache is empty."""
    from huggingface_hub import constants

    fake = FakeHub()
    fake.add(NAME, files_of())
    with serve(fake):
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, fake.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "ENDPOINT", fake.url)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
        monkeypatch.setattr(download, "PAUSE", 0.001)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield fake


def settings(home: Path, revision: str = "") -> Settings:
    return Settings(home=home, model=NAME, model_revision=revision)


def fetched(home: Path, revision: str = "") -> dict[str, bytes]:
    folder = hub_folder(settings(home, revision))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def wanted(seed: int = 1) -> dict[str, bytes]:
    return {
        name: data for name, data in files_of(seed).items() if name not in {"README.md", "pytorch_model.bin"}
    }


def test_the_first_download_reports_its_bytes_and_the_next_run_asks_nobody(hub: FakeHub, tmp_path: Path):
    reports: list[tuple[str, int, int]] = []
    with reporting(lambda *told: reports.append(told)):
        assert fetched(tmp_path) == wanted()
    total = sum(map(len, wanted().values()))
    assert {(stage, whole) for stage, _, whole in reports} == {(f"download of {NAME}", total)}
    counts = [done for _, done, _ in reports]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, total)
    assert hub.sent_twice() == 0
    asked = len(hub.asked)
    found = source.find(settings(tmp_path))
    assert (found.dimensions, len(hub.asked)) == (8, asked)


@pytest.mark.parametrize("alone", [True, False])
def test_weights_in_the_layout_of_openclip_are_fetched_only_where_there_are_no_others(
    hub: FakeHub, tmp_path: Path, alone: bool
):
    config = {
        "embed_dim": 24,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8},
        "text_cfg": {"context_length": 40, "vocab_size": 49_408, "width": 32, "heads": 2, "layers": 2},
    }
    files = {
        "open_clip_config.json": json.dumps({"model_cfg": config}).encode(),
        "open_clip_model.safetensors": b"weights" * 30_000,
        **({} if alone else files_of()),
        "tokenizer.json": b"{}",
    }
    hub.add("some/open-clip", files)
    asked = Settings(home=tmp_path, model="hf-hub:some/open-clip")
    found = source.find(asked)
    assert found.files.is_open_clip == alone
    assert ((found.folder / "open_clip_model.safetensors").exists(), found.dimensions) == (
        alone,
        24 if alone else 8,
    )
    before = len(hub.asked)
    assert source.find(asked) == found
    assert len(hub.asked) == before
    assert hub.sent_twice() == 0


def test_offline_the_cache_is_used(hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from huggingface_hub import constants

    fetched(tmp_path)
    asked = len(hub.asked)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert fetched(tmp_path) == wanted()
    assert len(hub.asked) == asked


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_download_that_is_cut_goes_on_and_no_byte_comes_twice(hub: FakeHub, tmp_path: Path, how: str):
    hub.cuts = [(150_000, how), (0, how), (100_000, how)]
    assert fetched(tmp_path) == wanted()
    assert not hub.cuts
    assert hub.sent_twice() == 0


def test_an_interrupted_download_goes_on_in_the_next_run(hub: FakeHub, tmp_path: Path):
    hub.seconds_a_piece = 0.1

    def interrupt(_: str, done: int, __: int) -> None:
        if done > SIZE // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), reporting(interrupt):
        fetched(tmp_path)
    (part,) = (tmp_path / "cache").rglob("*.incomplete")
    here = part.stat().st_size
    assert here > SIZE // 4
    hub.sent.clear()
    hub.seconds_a_piece = 0.0
    assert fetched(tmp_path) == wanted()
    assert [start for start, _ in hub.sent[sha256(files_of()["model.safetensors"]).hexdigest()]] == [here]
    assert not list((tmp_path / "cache").rglob("*.incomplete"))


def test_a_server_that_sends_the_whole_again_gives_the_right_file(hub: FakeHub, tmp_path: Path):
    hub.ignores_range = True
    hub.cuts = [(150_000, "close")]
    assert fetched(tmp_path) == wanted()


def test_a_part_that_is_damaged_on_the_disk_is_fetched_again(hub: FakeHub, tmp_path: Path):
    hub.cuts = [(150_000, "close")] + [(0, "close")] * download.TRIES
    with pytest.raises(HubError, match="broke off"):
        fetched(tmp_path)
    hub.cuts = []
    (part,) = (tmp_path / "cache").rglob("*.incomplete")
    data = bytearray(part.read_bytes())
    data[1000] ^= 0xFF
    part.write_bytes(data)
    assert fetched(tmp_path) == wanted()


def test_a_file_that_arrives_damaged_is_no_model(hub: FakeHub, tmp_path: Path):
    hub.damages = 1
    with pytest.raises(HubError, match=r"model\.safetensors arrived damaged, and was deleted; run again"):
        fetched(tmp_path)
    assert fetched(tmp_path) == wanted()


def test_a_pinned_revision_is_that_one(hub: FakeHub, tmp_path: Path):
    earlier = hub.add(NAME, files_of(7), revision="v1")
    assert fetched(tmp_path, earlier) == wanted(7)
    assert fetched(tmp_path, "v1") == wanted(7)
    assert fetched(tmp_path) == wanted()


def test_two_that_fetch_at_once_fetch_once(hub: FakeHub, tmp_path: Path):
    hub.seconds_a_piece = 0.005
    found: list[dict[str, bytes]] = []
    threads = [threading.Thread(target=lambda: found.append(fetched(tmp_path))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [wanted()] * 3
    assert hub.sent_twice() == 0


@pytest.mark.parametrize("token", ["", "of-somebody-else"])
def test_a_gated_model_says_where_to_accept_its_terms(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str
):
    hub.gated[NAME] = "mine"
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(
        ModelError, match=f"gated: sign in at {hub.url}/{NAME} and accept.*set HF_TOKEN"
    ) as told:
        fetched(tmp_path)
    assert not isinstance(told.value, HubError)  # trying again does not help
    monkeypatch.setenv("HF_TOKEN", "mine")
    assert fetched(tmp_path) == wanted()


def test_a_wrong_name_and_a_wrong_revision_are_named(hub: FakeHub, tmp_path: Path):
    with pytest.raises(
        ModelError, match=f"has no revision v9: name it as {NAME}@REVISION in `model`.*{NAME}/commits/main"
    ) as told:
        fetched(tmp_path, "v9")
    assert not isinstance(told.value, HubError)
    hub.models.clear()
    with pytest.raises(
        ModelError, match=f"has no model {NAME}, or keeps it private.*correct `model` in"
    ) as told:
        fetched(tmp_path)
    assert not isinstance(told.value, HubError)


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_the_hub_does_not_accept_is_named(hub: FakeHub, tmp_path: Path, status: int):
    hub.busy = [(status, "")]
    with pytest.raises(ModelError, match=r"does not accept this token.*set HF_TOKEN to a valid one") as told:
        fetched(tmp_path)
    assert not isinstance(told.value, HubError)


def test_a_busy_hub_is_asked_again(hub: FakeHub, tmp_path: Path):
    hub.busy = [(503, ""), (429, "0"), (502, "")]
    assert fetched(tmp_path) == wanted()


def test_a_hub_that_asks_for_an_hour_is_not_waited_for(hub: FakeHub, tmp_path: Path):
    hub.busy = [(429, "3600")]
    with pytest.raises(HubError, match="asks to be left alone for 3,600 s; run again later"):
        fetched(tmp_path)
    assert fetched(tmp_path) == wanted()


@pytest.mark.parametrize("where", ["info", "file"])
def test_a_hub_that_hangs_is_given_up(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
):
    from huggingface_hub import constants

    hub.hangs = {where}
    with monkeypatch.context() as impatient:
        timeout = {"info": "HF_HUB_ETAG_TIMEOUT", "file": "HF_HUB_DOWNLOAD_TIMEOUT"}[where]
        impatient.setattr(constants, timeout, 0.2)
        impatient.setattr(download, "TRIES", 2)
        with pytest.raises(HubError):
            fetched(tmp_path)
        ends = time.monotonic() + 60
        while [kind for _, kind, _ in hub.asked].count(where) < 2 and time.monotonic() < ends:
            time.sleep(0.01)  # the hub would answer a request that it hears of only now
    hub.hangs = set()
    assert fetched(tmp_path) == wanted()
    assert hub.sent_twice() == 0


def test_a_server_that_names_no_hashes_is_left_to_the_client(hub: FakeHub, tmp_path: Path):
    hub.names_hashes = False
    assert fetched(tmp_path) == wanted()


@pytest.mark.parametrize("name", ["../../../outside.json", "/outside.json", "a\\..\\outside.json"])
def test_a_hostile_name_writes_nothing_outside_the_cache(hub: FakeHub, tmp_path: Path, name: str):
    hub.add(NAME, files_of() | {name: b"{}"})
    (tmp_path / "home").mkdir()
    with suppress(ModelError):
        fetched(tmp_path / "home")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "home"]
    assert not Path("/outside.json").exists()


def test_a_disk_quota_is_named_and_the_download_goes_on_later(hub: FakeHub, tmp_path: Path):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, hard))
    try:
        with pytest.raises(ModelError, match=r"does not fit on the disk of .*cache.*free some.*HF_HOME"):
            fetched(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert fetched(tmp_path) == wanted()
    weights = hub.sent[sha256(files_of()["model.safetensors"]).hexdigest()]
    assert [start for start, _ in weights] == [0, 150_000]


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A disk of 300 kB, on which the hub's cache lies."""
    from huggingface_hub import constants

    disk = tmp_path / "cache"
    disk.mkdir()
    mount = shutil.which("mount")
    if not mount or not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root may mount a disk")
    if subprocess.run([mount, "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)], check=False).returncode:
        pytest.skip("this system allows no mount")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(disk))
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_is_too_small_is_seen_before_the_download(hub: FakeHub, tmp_path: Path, small_disk: Path):
    with pytest.raises(ModelError, match=r"not fit on the disk of .*0\.4 MB are to .*, and 0\.3 MB are free"):
        fetched(tmp_path)
    assert not hub.sent
    subprocess.run(["mount", "-o", "remount,size=1m", str(small_disk)], check=True)
    assert fetched(tmp_path) == wanted()


@pytest.mark.usefixtures("hub")
def test_a_disk_that_fills_up_meanwhile_keeps_what_has_come(tmp_path: Path, small_disk: Path):
    subprocess.run(["mount", "-o", "remount,size=600k", str(small_disk)], check=True)
    filler = small_disk / "of-somebody-else"

    def fill(*_: object) -> None:
        if not filler.exists():
            filler.write_bytes(bytes(300_000))

    with pytest.raises(ModelError, match=r"does not fit on the disk of .*No space left"), reporting(fill):
        fetched(tmp_path)
    filler.unlink()
    assert fetched(tmp_path) == wanted()


FETCH = """
import sys
from pathlib import Path
from clipper.errors import ModelError
from clipper.models.hub import hub_folder
from clipper.settings import Settings
try:
    hub_folder(Settings(home=Path(sys.argv[1]), model=sys.argv[2]))
except ModelError as error:
    print(error)
"""


def test_a_cache_that_may_not_be_written_is_named(hub: FakeHub, tmp_path: Path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    told = run_as_plain_user(
        FETCH, tmp_path, NAME, environment={"HF_HOME": str(closed), "HF_ENDPOINT": hub.url}
    )
    assert f"{closed}" in told.stdout
    assert "may not be written; set HF_HOME to a folder that may" in told.stdout, told.stderr
    assert len(told.stdout.splitlines()) == 1


def test_a_cache_that_is_no_folder_is_named(hub: FakeHub, tmp_path: Path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(ModelError, match=r"cannot be kept: .*cache.*set HF_HOME to another folder"):
        fetched(tmp_path)
    assert not hub.sent


@pytest.fixture
def sample_on_hub(model_folder: Path, tmp_path: Path) -> Iterator[tuple[FakeHub, dict[str, str]]]:
    """A hub with the sample's model, and the environment of a command that asks it."""
    fake = FakeHub()
    fake.add(NAME, {path.name: path.read_bytes() for path in model_folder.iterdir()})
    with serve(fake):
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith(("CLIPPER_", "HF_"))
        }
        yield fake, clean | {"HF_ENDPOINT": fake.url, "HF_HOME": str(tmp_path / "hf"), "COLUMNS": "120"}


def index_command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "clipper.cli", "index", str(folder), "--model", NAME]


@pytest.mark.slow
@pytest.mark.linux
def test_ctrl_c_while_a_model_comes_loses_no_byte_of_it(
    sample_on_hub: tuple[FakeHub, dict[str, str]], model_folder: Path, tmp_path: Path
):
    hub, environment = sample_on_hub
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.new("RGB", (40, 30), "red").save(folder / "red.png")
    hub.seconds_a_piece = 0.02
    shown, end = os.openpty()
    command = subprocess.Popen(index_command(folder), env=environment, stderr=end, stdout=subprocess.DEVNULL)
    os.close(end)
    output, interrupted = b"", False
    with suppress(OSError):  # the terminal closes with the command
        while piece := os.read(shown, 4096):
            output += piece
            comes = f"download of {NAME}".encode() in output and re.search(rb"[1-5]/7 MB", output)
            if comes and not interrupted:
                interrupted = True
                command.send_signal(signal.SIGINT)
    assert command.wait(60) == 130
    hub.seconds_a_piece = 0.0
    assert b"/7 MB" in output
    (part,) = (tmp_path / "hf").rglob("*.incomplete")
    here = part.stat().st_size
    assert here > 250_000
    hub.sent.clear()
    again = subprocess.run(
        index_command(folder), env=environment, capture_output=True, text=True, check=False, timeout=1000
    )
    assert again.returncode == 0, again.stderr
    assert "download" not in again.stderr  # no bar where there is no terminal
    weights = (model_folder / "model.safetensors").read_bytes()
    assert hub.sent[sha256(weights).hexdigest()] == [(here, len(weights))]
