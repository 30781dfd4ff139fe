"""Any bytes may lie in the folder: each file ends on the map, or is named with a reason."""

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import misbehaviour
import numpy as np
import odd_files
import pytest
from every_format import FORMATS
from odd_files import INDEXED, NAMES, OTHERS, REFUSED, saved
from PIL import Image

import clipper
from clipper import cli
from clipper.errors import BadImageError
from clipper.images.child_tasks import DecodeRequest, DecodeResult, decode_file
from clipper.images.decode_apart import decode_apart
from clipper.images.formats import UNREADABLE_ENDINGS, ending_of
from clipper.images.preprocess import Transform
from clipper.indexing import run
from clipper.indexing.contents import decode
from clipper.indexing.run import Step
from clipper.sandbox.process import ChildDied, Sandbox
from clipper.settings import CONFIG_NAME, Settings

pytestmark = pytest.mark.linux  # FIFOs, sockets and /dev

Index = Callable[[Path], dict[str, Step]]
TRANSFORM = Transform(56, 56, 3, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
REQUEST = DecodeRequest(max_bytes=1 << 29, max_pixels=178_000_000, transforms=(TRANSFORM,))


@pytest.fixture(scope="module")
def decoder() -> Iterator[Sandbox]:
    """The child that decodes in a run."""
    with Sandbox(decode_file, seconds=280) as child:
        yield child


def decoded(child: Sandbox, data: bytes) -> DecodeResult:
    """What becomes of one file; it must not cost the child."""
    child.ask(REQUEST.to_json(), [b"x"])
    pid = child.pid
    found = DecodeResult.from_message(child.ask(REQUEST.to_json(), [data]), REQUEST)
    assert child.pid == pid
    return found


@pytest.mark.parametrize("name", INDEXED)
def test_what_is_odd_and_whole_is_decoded(decoder: Sandbox, name: str):
    found = decoded(decoder, INDEXED[name]())
    assert found.reason is None
    assert found.has_crops
    assert found.crops[0].shape == (56, 56, 3)
    assert found.thumbnail


@pytest.mark.parametrize("name", [name for name in REFUSED if ending_of(name) not in UNREADABLE_ENDINGS])
def test_what_cannot_be_decoded_has_a_reason_for_its_owner(decoder: Sandbox, name: str):
    make, words = REFUSED[name]
    try:
        reason = decoded(decoder, make()).reason
    except ChildDied as died:
        reason = str(died)
    assert reason
    assert reason.isprintable()
    assert len(reason) < 300
    assert re.search(words, reason), reason


@pytest.fixture
def odd_home(tmp_path: Path, model_folder: Path) -> tuple[Path, dict[str, str], list[str]]:
    """A home whose folder holds every odd file; the words of each reason; the ids of what is whole."""
    home = tmp_path / "home"
    folder = home / "images"
    folder.mkdir(parents=True)
    (home / CONFIG_NAME).write_text(f'images = "images"\nmodel = "{model_folder}"\n')
    whole = {name: make() for name, make in INDEXED.items()}
    for number, name in enumerate(NAMES):
        whole[name] = saved("JPEG", odd_files.picture(size=(40 + number, 30)))
    refused = {name: make() for name, (make, _) in REFUSED.items()}
    for name, data in (whole | refused | OTHERS).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    reasons = {name: words for name, (_, words) in REFUSED.items()}
    return home, reasons | odd_files.strange_entries(folder), sorted(whole)


@pytest.mark.slow
def test_a_folder_of_every_odd_file_is_indexed_and_each_file_accounted_for(
    odd_home: tuple[Path, dict[str, str], list[str]],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    home, reasons, whole = odd_home
    assert len(reasons) + len(whole) > 100
    index = ["clipper", "index", "--home", str(home)]
    monkeypatch.setattr("sys.argv", index)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capfd.readouterr()  # of native libraries too
    assert (ended.value.code, err) == (0, "")
    lines = out.splitlines()
    kept = f"{len(whole)} images on the map, {len(reasons)} skipped"
    assert re.fullmatch(rf"{kept}; \d+ added; \d+ embedded; [\d.]+ s", lines[0])
    assert [line[:10] for line in lines[1:11]] == ["  skipped "] * 10
    assert lines[12].startswith("  columns: ")
    assert lines[11:12] + lines[13:14] + lines[16:] == [
        f"  and {len(reasons) - 10} more: `clipper info --failures`",
        "  4 other files left alone: .txt 2, .csv 1, no ending 1",
        f"See it: clipper view --home {home}",
    ]
    assert lines[14].startswith("  not read, although they may describe images: table.csv; ")
    assert lines[15].startswith("  note: 4 damaged file(s) are indexed as far as they go ('half.bmp', ")
    atlas = clipper.open(home)
    assert atlas.ids == whole
    found = dict(zip(atlas.failures["id"], atlas.failures["reason"], strict=True))
    assert found.keys() == reasons.keys()
    wrong = {name: found[name] for name, words in reasons.items() if not re.search(words, found[name])}
    assert not wrong

    def start(_: Sandbox) -> None:
        raise AssertionError("a file is decoded again")

    monkeypatch.setattr(Sandbox, "_start", start)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capfd.readouterr()
    assert (ended.value.code, err) == (0, "")
    assert out.startswith(f"{kept}; nothing changed; 0 embedded")
    assert clipper.open(home).version == atlas.version


def gradient() -> Image.Image:
    return Image.linear_gradient("L").resize((13_312, 13_312), Image.Resampling.NEAREST)


def as_numbers(kind: type[np.generic]) -> Image.Image:
    return Image.fromarray(np.asarray(gradient()).astype(kind))


VERY_LARGE: dict[str, Callable[[], bytes]] = {
    "alpha": lambda: saved("PNG", Image.merge("RGBA", [gradient()] * 4), compress_level=1),
    "palette": lambda: saved("PNG", gradient().convert("P"), transparency=0, compress_level=1),
    "16 bits": lambda: saved("PNG", as_numbers(np.uint16), compress_level=1),
    "floats": lambda: saved("TIFF", as_numbers(np.float32), compression="tiff_lzw"),
    "CMYK": lambda: saved("TIFF", Image.merge("CMYK", [gradient()] * 4), compression="tiff_lzw"),
    "JPEG 2000": lambda: saved("JPEG2000", gradient()),
    "progressive": lambda: saved("JPEG", gradient().convert("RGB"), progressive=True, subsampling=0),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", VERY_LARGE)
def test_an_image_of_as_many_pixels_as_are_allowed_fits_the_memory_of_a_child(tmp_path: Path, kind: str):
    path = tmp_path / "image"
    path.write_bytes(VERY_LARGE[kind]())
    request = replace(REQUEST, path=str(path))
    with Sandbox(decode_file, seconds=900) as child:
        found = DecodeResult.from_message(child.ask(request.to_json()), request)
        peak = int(Path(f"/proc/{child.pid}/status").read_text().partition("VmHWM:")[2].split()[0])
    assert found.reason is None
    assert json.loads(found.facts or "")["width"] == 13_312
    assert peak < 1_500_000  # kB


def add(home: Path, **files: bytes) -> None:
    for name, data in files.items():
        (home / "images" / f"{name}.jpg").write_bytes(data)


def test_a_file_that_crashes_its_decoder_costs_only_itself(
    small_home: Path, run_index: Index, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(decode, "decode_file", misbehaviour.decode_badly)
    (small_home / CONFIG_NAME).open("a").write("max_seconds = 5\n")
    add(small_home, crash=b"CRASH", hang=b"HANG", grow=b"GROW", once=b"ONCE" + saved("PNG"))
    steps = run_index(small_home)
    assert steps["image_facts"].failures == {
        "crash.jpg": "crashed the decoder (signal 11)",
        "hang.jpg": "took longer than 5 s (max_seconds)",
        "grow.jpg": "needs more memory than 2 GiB to decode",
    }
    atlas = clipper.open(small_home)
    assert len(atlas) == 25
    assert "once.jpg" in atlas.ids  # its child died of something else: it had its second chance
    assert run_index(small_home)["image_facts"].counts["new"] == 0


def test_a_file_that_took_too_long_is_tried_again_when_it_may_take_longer(
    small_home: Path, run_index: Index, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(decode, "decode_file", misbehaviour.decode_badly)
    config = (small_home / CONFIG_NAME).read_text()
    (small_home / CONFIG_NAME).write_text(config + "max_seconds = 3\n")
    add(small_home, slow=b"SLOW" + saved("PNG"))
    assert "max_seconds" in run_index(small_home)["image_facts"].failures["slow.jpg"]
    (small_home / CONFIG_NAME).write_text(config)
    assert not run_index(small_home)["image_facts"].failures
    assert len(clipper.open(small_home)) == 25


def test_a_run_that_is_stopped_does_not_wait_for_a_file_that_hangs(
    small_home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(decode, "decode_file", misbehaviour.decode_badly)
    add(small_home, **{"~hang": b"HANG"})  # the last image; two before it may not be counted yet

    def stop(stage: str, done: int, total: int) -> None:
        if stage == "embed" and done == total - 3:
            raise KeyboardInterrupt

    settings = Settings.load(small_home, batch_size=1, max_seconds=500)
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run.index(settings, progress=stop)
    assert time.monotonic() - started < settings.max_seconds


def test_a_query_image_is_decoded_in_a_child_too(monkeypatch: pytest.MonkeyPatch):
    settings = Settings(home=Path("/"), max_pixels=10_000, max_bytes=50_000)
    crop, thumbnail = decode_apart(saved("PNG"), settings, transform=TRANSFORM)
    assert (crop.shape, crop.dtype) == ((56, 56, 3), np.uint8)
    assert thumbnail
    for data, reason in (
        (b"words", "not an image"),
        (saved("PNG", odd_files.picture(size=(101, 100))), "max_pixels"),
        (bytes(50_001), "max_bytes"),
    ):
        with pytest.raises(BadImageError, match=reason):
            decode_apart(data, settings, transform=TRANSFORM)
    monkeypatch.setattr("clipper.images.decode_apart.decode_file", misbehaviour.decode_badly)
    with pytest.raises(BadImageError, match=r"signal 11"):
        decode_apart(b"CRASH", settings, transform=TRANSFORM)


SEEDS: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: saved("JPEG"),
    "progressive JPEG": lambda: saved("JPEG", progressive=True),
    "CMYK JPEG": lambda: saved("JPEG", odd_files.picture("CMYK")),
    "MPO": lambda: odd_files.animated("MPO"),
    "PNG": lambda: saved("PNG"),
    "palette PNG": lambda: saved("PNG", odd_files.picture("P")),
    "animated PNG": lambda: odd_files.animated("PNG"),
    "WebP": lambda: saved("WEBP"),
    "lossless WebP": lambda: saved("WEBP", lossless=True),
    "animated WebP": lambda: odd_files.animated("WEBP"),
    "GIF": lambda: odd_files.animated("GIF"),
    "TIFF": lambda: saved("TIFF"),
    "LZW TIFF": lambda: saved("TIFF", compression="tiff_lzw"),
    "deflate TIFF": lambda: saved("TIFF", compression="tiff_adobe_deflate"),
    "JPEG TIFF": lambda: saved("TIFF", compression="jpeg"),
    "fax TIFF": lambda: saved("TIFF", odd_files.picture("1"), compression="group4"),
    "AVIF": lambda: saved("AVIF"),
    "BMP": lambda: saved("BMP"),
    "PPM": lambda: saved("PPM"),
    "JPEG 2000": lambda: saved("JPEG2000"),
    "ICO": lambda: saved("ICO"),
    "TGA": lambda: saved("TGA", compression="tga_rle"),
    **{name: make for name, (make, _) in FORMATS.items() if name != "a.pcd"},  # half a megabyte
}


def damaged(data: bytes, random: np.random.Generator) -> bytes:
    """A copy that is cut, flipped, overwritten with extremes, or has bytes more or fewer."""
    made = bytearray(data)
    at = int(random.integers(len(made)))
    match random.integers(5):
        case 0:
            del made[at:]
        case 1:
            for place in random.integers(len(made), size=random.integers(1, 20)):
                made[place] ^= int(random.integers(1, 256))
        case 2:
            made[at:at] = random.bytes(int(random.integers(1, 50)))
        case 3:
            del made[at : at + int(random.integers(1, 60))]
        case _:  # sizes and counts stand near the beginning
            for place in random.integers(min(len(made), 120), size=random.integers(1, 4)):
                made[place] = int(random.choice([0, 1, 127, 128, 255]))
    return bytes(made)


def fuzz(child: Sandbox, count: int, *, seed: int) -> None:
    random = np.random.default_rng(seed)
    whole = [make() for make in SEEDS.values()]
    outcomes = [decoded(child, damaged(whole[i % len(whole)], random)) for i in range(count)]
    refused = [found.reason for found in outcomes if found.reason]
    assert all(found.has_crops for found in outcomes if not found.reason)
    assert all(reason.isprintable() and len(reason) < 300 for reason in refused)
    assert not [reason for reason in refused if reason.startswith("cannot be used")]
    assert count / 4 < len(refused) < count  # some are damaged where it does not matter


def test_damaged_files_of_every_format_end_as_images_or_with_a_reason(decoder: Sandbox):
    fuzz(decoder, 750, seed=1)


@pytest.mark.slow
def test_thousands_of_damaged_files_end_as_images_or_with_a_reason(decoder: Sandbox):
    fuzz(decoder, 5_000, seed=2)
