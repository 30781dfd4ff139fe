"""Every format that Clipper reads, in the sandbox as in a run."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import every_format
import numpy as np
import pytest
from every_format import FORMATS, GREY
from PIL import Image

from clipper.images.child_tasks import DecodeRequest, DecodeResult, browser_image, decode_file
from clipper.images.folder import ImageFolder
from clipper.images.formats import READABLE_ENDINGS, ending_of
from clipper.images.preprocess import Transform
from clipper.sandbox.process import Sandbox

TRANSFORM = Transform(56, 56, 3, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
REQUEST = DecodeRequest(max_bytes=1 << 29, max_pixels=178_000_000, transforms=(TRANSFORM,))


@pytest.fixture(scope="module")
def child() -> Iterator[Sandbox]:
    with Sandbox(decode_file, seconds=280) as decoder:
        yield decoder


def decoded(child: Sandbox, data: bytes) -> DecodeResult:
    return DecodeResult.from_message(child.ask(REQUEST.to_json(), [data]), REQUEST)


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_of_each_format_is_decoded_to_its_picture_and_named(child: Sandbox, name: str):
    make, kind = FORMATS[name]
    found = decoded(child, make())
    assert found.reason is None
    assert json.loads(found.facts or "")["format"] == kind
    assert found.has_crops
    left, right = (found.crops[0][28, x].astype(int) for x in (14, 42))
    if kind in GREY:
        assert abs(left - right).max() > 8
    else:
        assert left[0] > left[2] + 80
        assert right[2] > right[0] + 80


@pytest.mark.parametrize("name", FORMATS)
def test_half_a_file_of_each_format_is_a_picture_or_has_a_reason(child: Sandbox, name: str):
    data = FORMATS[name][0]()
    pid = child.pid
    found = decoded(child, data[: len(data) // 2])
    assert found.reason or found.has_crops
    assert child.pid == pid or pid is None


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_converted_for_a_browser(name: str):
    answer, made = browser_image({"max_pixels": 178_000_000, "longest": 2048}, [FORMATS[name][0]()])
    assert not answer
    with Image.open(io.BytesIO(made[0])) as image:
        assert image.format == "PNG"


def test_a_file_of_each_format_is_listed_as_an_image(tmp_path: Path):
    for name, (make, _) in FORMATS.items():
        (tmp_path / name).write_bytes(make())
    found = ImageFolder(str(tmp_path)).list_files()
    assert [image.id for image in found.images] == sorted(FORMATS)
    assert not [name for name in FORMATS if ImageFolder(str(tmp_path)).reason_not_read(name)]


def test_a_file_of_each_format_that_is_listed_by_its_ending_is_in_the_samples():
    raw = {
        ".3fr", ".crw", ".dcr", ".erf", ".fff", ".iiq", ".kdc", ".mef", ".mos", ".mrw", ".nrw", ".raw",
        ".rwl", ".sr2", ".srf", ".x3f",
    }  # fmt: skip
    of_one_format = {
        ".jpg": ".jpeg .jpe .jfif .jif .jfi .jps", ".png": ".apng", ".tif": ".tiff .btf .tf8 .ptif",
        ".heic": ".heif .hif .heics .heifs", ".avif": ".avifs", ".bmp": ".dib", ".ppm": ".pgm .pbm .pnm .pfm",
        ".jp2": ".j2k .j2c .jpc .jpf .jpx", ".tga": ".vda .icb .vst .targa", ".pcx": ".pcc",
        ".sgi": ".rgb .rgba .bw", ".ras": ".sun", ".fits": ".fts", ".fli": ".flc", ".ftc": ".ftu .ftex",
    }  # fmt: skip
    shown = {ending_of(name) for name in FORMATS}
    aliases = {alias for ending in shown for alias in of_one_format.get(ending, "").split()}
    missing = READABLE_ENDINGS - shown - aliases - raw
    assert not missing


def test_decoders_are_loaded_only_for_files_that_begin_as_their_format(tmp_path: Path):
    path = tmp_path / "a"
    with Sandbox(decode_file, seconds=280) as child:

        def loaded() -> set[str]:
            maps = Path(f"/proc/{child.pid}/maps").read_text()
            return {name for name in ("_pi_heif", "_pylibjxl") if name in maps}

        for name, modules in (
            ("a.jpg", set()),
            ("a.heic", {"_pi_heif"}),
            ("a.jxl", {"_pi_heif", "_pylibjxl"}),
        ):
            path.write_bytes(FORMATS[name][0]())
            child.ask(replace(REQUEST, path=str(path)).to_json())
            assert loaded() == modules


def test_heic_and_jpeg_xl_stand_as_their_codec_says_and_keep_their_camera(child: Sandbox):
    for name in ("a.heic", "a.jxl"):
        facts = json.loads(decoded(child, FORMATS[name][0]()).facts or "")
        assert (facts["width"], facts["height"], facts["camera"]) == (64, 48, "Phone")


def test_a_jpeg_that_became_jpeg_xl_without_loss_is_upright(child: Sandbox):
    import pylibjxl

    exif = Image.Exif()
    exif[0x0112] = 6
    facts = json.loads(
        decoded(child, pylibjxl.jpeg_to_jxl(every_format.written("JPEG", exif=exif))).facts or ""
    )
    assert (facts["width"], facts["height"]) == (48, 64)


@pytest.mark.parametrize("kind", ["u1", "u2", "u4", "i2", "f2", "f4", "f8"])
@pytest.mark.parametrize("bands", [1, 3, 5])
def test_a_tiff_of_any_numbers_and_bands_becomes_a_picture(child: Sandbox, kind: str, bands: int):
    import tifffile

    ramp = np.linspace(0, 100, 64)[None, :, None].repeat(48, axis=0).repeat(bands, axis=2)
    scale = 2.0 ** (8 * np.dtype(kind).itemsize) / 256 if kind[0] == "u" else 1
    ramp = ramp - 50 if kind[0] in "if" else ramp
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer, np.squeeze(ramp * scale).astype(kind), photometric="minisblack", planarconfig="contig"
    )
    found = decoded(child, buffer.getvalue())
    assert found.reason is None
    assert found.has_crops
    assert found.crops[0][28, 5, 0] < found.crops[0][28, 50, 0]
