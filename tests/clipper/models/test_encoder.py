import json
import shutil
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
from PIL import Image
from plain_user import run_as_plain_user

from clipper.errors import ModelError
from clipper.images.decode import decode
from clipper.images.preprocess import Transform
from clipper.models import encoder as model
from clipper.models import source as model_files
from clipper.settings import DEFAULT_MODEL, DEFAULT_REVISION, Settings

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="module")
def encoder(model_folder: Path) -> model.Encoder:
    return model.Encoder(source(model_folder), dtype="float32")


@pytest.fixture(scope="module")
def pictures(model_folder: Path) -> list[Image.Image]:
    files = sorted((model_folder.parents[1] / "images").glob("*.jpg"))[::60][:32]
    return [decode(f.read_bytes(), max_pixels=10**6, min_side=48).pixels for f in files]


@pytest.fixture
def copied(model_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model_folder, tmp_path / "clip-copy"))


def source(folder: Path | str, **more: str) -> model_files.ModelSource:
    return model_files.find(Settings(home=Path("/nonexistent"), model=str(folder), **more))


def edit(folder: Path, name: str, **values: Any) -> None:
    path = folder / name
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_model_without_a_tokenizer_is_refused(copied: Path):
    for name in ("tokenizer.json", "vocab.json", "merges.txt"):
        (copied / name).unlink(missing_ok=True)
    with pytest.raises(ModelError, match="has no tokenizer"):
        source(copied)


@pytest.mark.parametrize(
    "wrong",
    [{"size": "big"}, {"crop_size": -5}, {"image_mean": [1]}, {"image_std": [0, 0, 0]}, {"size": 10**9}],
)
def test_settings_that_are_no_image_processors_are_reported(copied: Path, wrong: dict[str, object]):
    path = copied / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | wrong))
    with pytest.raises(ModelError, match=r"preprocessor_config\.json is not that of an image processor"):
        Transform.read(copied, image_size=224)


def test_a_local_folder_is_a_model(model_folder: Path):
    found = source(model_folder)
    config = json.loads((model_folder / "config.json").read_text())
    assert found.dimensions == config["projection_dim"]
    assert found.image_size == config["vision_config"]["image_size"]
    assert found.folder == model_folder.resolve()


def test_a_folder_is_looked_for_below_the_home(model_folder: Path, tmp_path: Path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mine").symlink_to(model_folder)
    assert model_files.find(Settings(home=tmp_path, model="models/mine")).folder == model_folder.resolve()


def test_a_copy_elsewhere_is_the_same_model_and_another_file_another(copied: Path, model_folder: Path):
    original, copy = source(model_folder), source(copied)
    assert copy.fingerprint == original.fingerprint
    moved = copied.rename(copied.parent / "sub-folder")
    (copied.parent / model_folder.name).symlink_to(moved)
    assert source(copied.parent / model_folder.name).key == original.key
    edit(moved, "preprocessor_config.json", image_mean=[0.5, 0.5, 0.5])
    assert source(moved).fingerprint != original.fingerprint


def test_a_model_that_is_not_clip_is_reported(copied: Path):
    edit(copied, "config.json", model_type="bert")
    with pytest.raises(ModelError, match="is a bert model"):
        source(copied)


def test_a_folder_without_safetensors_is_reported_and_no_pickle_is_loaded(copied: Path):
    (copied / "model.safetensors").rename(copied / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"no model\.safetensors"):
        source(copied)


def test_a_folder_that_is_no_model_is_reported(tmp_path: Path, copied: Path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"no config\.json"):
        source(tmp_path / "empty")
    for text, why in (("{", "not valid JSON"), ("[]", "no JSON object")):
        (copied / "config.json").write_text(text)
        with pytest.raises(ModelError, match=why):
            source(copied)


def test_a_closed_working_folder_keeps_no_model_of_the_hub_away(copied: Path, tmp_path: Path):
    cache = tmp_path / "cache" / "models--some--clip"
    shutil.copytree(copied, cache / "snapshots" / "0123")
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text("0123")
    (tmp_path / "closed").mkdir()
    code = """
import os, sys
from pathlib import Path
os.environ |= {"HF_HUB_CACHE": sys.argv[1], "HF_HUB_OFFLINE": "1"}
from clipper.models import source
from clipper.settings import Settings
os.chdir(sys.argv[2])
os.chmod(sys.argv[2], 0)
print(source.find(Settings(home=Path("/nonexistent"), model="some/clip", model_revision="")).name)
"""
    said = run_as_plain_user(code, cache.parent, tmp_path / "closed")
    (tmp_path / "closed").chmod(0o700)
    assert said.stdout == "some/clip\n", said.stderr


def test_a_model_that_may_not_be_read_is_named_as_such(copied: Path, tmp_path: Path):
    code = """
import sys
from pathlib import Path
from clipper.models import source
from clipper.settings import Settings
for model in sys.argv[1:]:
    try:
        source.find(Settings(home=Path("/nonexistent"), model=model))
    except source.ModelError as error:
        print(error)
"""
    (tmp_path / "closed").mkdir()
    model_of_another = shutil.copytree(copied, tmp_path / "closed" / "model")
    (tmp_path / "closed").chmod(0)
    (copied / "config.json").chmod(0)
    said = run_as_plain_user(code, copied, model_of_another)
    (tmp_path / "closed").chmod(0o700)
    assert said.stdout.splitlines() == [
        f"{copied}/config.json cannot be read: Permission denied",
        f"the model folder {model_of_another} cannot be read: Permission denied",
    ], said.stderr


@pytest.mark.parametrize("name", ["/no/such/folder", "./none", "~/none", "models/of/mine", "one-word"])
def test_a_missing_folder_is_reported_and_not_looked_for_in_the_hub(name: str):
    with pytest.raises(ModelError, match="does not exist"):
        source(name)


def test_damaged_weights_are_reported(copied: Path):
    whole = (copied / "model.safetensors").read_bytes()
    for data in (whole[: len(whole) // 2], b"version https://git-lfs.github.com/spec/v1\n", b""):
        (copied / "model.safetensors").write_bytes(data)
        with pytest.raises(ModelError, match="cannot be loaded"):
            model.Encoder(source(copied))


def test_weights_that_lack_a_part_are_reported_and_not_made_up(copied: Path):
    from safetensors.torch import load_file, save_file

    weights = load_file(copied / "model.safetensors")
    del weights["text_projection.weight"]
    save_file(weights, copied / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="lack text_projection"):
        model.Encoder(source(copied))


def test_a_device_that_is_not_there_is_reported(model_folder: Path):
    for device in ("cuda:99", "nonsense"):
        with pytest.raises(ModelError, match=f"device = '{device}'"):
            model.Encoder(source(model_folder), device=device)


def test_vectors_have_length_one(encoder: model.Encoder, pictures: list[Image.Image]):
    for vectors in (encoder.embed_images(pictures[:5]), encoder.embed_texts(["a cat", "", "🐱", "日本"])):
        assert vectors.dtype == np.float32
        assert vectors.shape[1] == encoder.source.dimensions
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("dtype", ["auto", "float32"])
def test_a_vector_does_not_depend_on_the_batch_it_was_in(
    model_folder: Path, pictures: list[Image.Image], dtype: str
):
    encoder = model.Encoder(source(model_folder), dtype=dtype)
    together = encoder.embed_images(pictures)
    alone = np.vstack([encoder.embed_images([picture]) for picture in pictures])
    assert (together == alone).all()
    texts = ["cat", "a very long sentence about a dog that runs over a field in the rain", "x"]
    alone = np.vstack([encoder.embed_texts([text]) for text in texts])
    assert np.abs(encoder.embed_texts(texts) - alone).max() < 1e-4


def test_half_precision_sees_the_same(
    model_folder: Path, encoder: model.Encoder, pictures: list[Image.Image]
):
    half = model.Encoder(source(model_folder), dtype="bfloat16").embed_images(pictures)
    cosine = (half * encoder.embed_images(pictures)).sum(axis=1)
    assert cosine.min() >= 0.999


def test_text_is_the_same_in_every_precision(model_folder: Path, encoder: model.Encoder):
    half = model.Encoder(source(model_folder), dtype="bfloat16")
    assert np.array_equal(half.embed_texts(["a red heart"]), encoder.embed_texts(["a red heart"]))


def test_a_long_text_is_cut_and_half_characters_are_replaced(encoder: model.Encoder):
    assert np.isfinite(encoder.embed_texts(["cat " * 1_000])).all()
    same = encoder.embed_texts(["cat " * 500, "cat " * 1_000])
    assert np.allclose(same[0], same[1], atol=1e-5)
    assert np.isfinite(encoder.embed_texts(["cat \udcff", "\x00", "a\nb"])).all()


@pytest.mark.parametrize(
    "size",
    [(48, 48), (160, 160), (300, 200), (200, 300), (1000, 90), (31, 17), (224, 225), (1, 1), (640, 480)],
)
def test_own_pixels_are_those_of_transformers(
    encoder: model.Encoder, model_folder: Path, size: tuple[int, int], pictures: list[Image.Image]
):
    from transformers import CLIPImageProcessorPil

    theirs = CLIPImageProcessorPil.from_pretrained(model_folder)
    worst = []
    for picture in pictures[:3]:
        image = picture.resize(size)
        wanted = theirs(image, return_tensors="np")["pixel_values"][0]
        import torch

        crop = encoder.transform.crop(image)
        own = encoder.transform.normalise(torch.from_numpy(crop[None].copy()))[0].numpy()
        assert own.shape == wanted.shape
        worst.append(np.abs(own - wanted).mean())
    assert max(worst) < 0.06


def test_own_vectors_are_those_of_transformers(
    encoder: model.Encoder, model_folder: Path, pictures: list[Image.Image]
):
    import torch
    from transformers import CLIPImageProcessorPil, CLIPModel

    theirs = CLIPModel.from_pretrained(model_folder).eval()
    pixels = CLIPImageProcessorPil.from_pretrained(model_folder)(pictures, return_tensors="pt")
    with torch.inference_mode():
        wanted = theirs.get_image_features(**pixels).pooler_output.numpy()
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    assert (wanted * encoder.embed_images(pictures)).sum(axis=1).min() > 0.998


def hub_copy(model_folder: Path, cache: Path, name: str, revision: str) -> Path:
    """The layout in which the hub's client keeps what it fetched."""
    repository = cache / "hub" / f"models--{name.replace('/', '--')}"
    snapshot = repository / "snapshots" / revision
    shutil.copytree(model_folder, snapshot)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(revision)
    return snapshot


FIND = """
import sys
from pathlib import Path
from clipper.models import source
from clipper.settings import Settings
print(source.find(Settings.load(Path(sys.argv[1]))).folder)
"""

# The same, telling what kind of error it is.
FAIL = FIND.replace("print(", "try:\n    print(") + "except Exception as e: print(type(e).__name__)"


def test_a_copy_in_the_cache_is_used_without_asking_anybody(python: Run, model_folder: Path, tmp_path: Path):
    snapshot = hub_copy(model_folder, tmp_path / "hf", DEFAULT_MODEL, DEFAULT_REVISION)
    result = python(FIND, str(tmp_path), HF_HOME=str(tmp_path / "hf"), HF_ENDPOINT="http://127.0.0.1:9")
    assert result.returncode == 0, result.stderr
    assert Path(result.stdout.strip()) == snapshot.resolve()


def test_a_broken_off_download_is_not_taken_for_a_model(python: Run, model_folder: Path, tmp_path: Path):
    snapshot = hub_copy(model_folder, tmp_path / "hf", DEFAULT_MODEL, DEFAULT_REVISION)
    (snapshot / "tokenizer.json").unlink()
    result = python(FIND, str(tmp_path), HF_HOME=str(tmp_path / "hf"), HF_ENDPOINT="http://127.0.0.1:9")
    assert "could not be fetched" in result.stderr


def test_without_network_and_copy_one_line_says_the_ways_out(
    clipper_command: Run, folder: Path, tmp_path: Path
):
    Image.new("RGB", (8, 8), "red").save(folder / "a.png")
    result = clipper_command(
        "index", str(folder), HF_HOME=str(tmp_path / "hf"), HF_ENDPOINT="http://127.0.0.1:9"
    )
    assert result.returncode == 1
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1
    assert "Traceback" not in result.stderr
    ways = ("connect to the internet", "set HF_HOME", "local folder", "sample model")
    for word in (DEFAULT_MODEL, DEFAULT_REVISION, str(tmp_path / "hf" / "hub"), *ways):
        assert word in result.stderr


def test_a_name_the_hub_cannot_have_is_reported():
    with pytest.raises(ModelError):
        source("a--b../c..d")


@pytest.mark.parametrize(("status", "kind"), [(404, "ModelError"), (401, "ModelError"), (503, "HubError")])
def test_a_hub_that_refuses_and_one_that_is_away_give_different_errors(
    python: Run, tmp_path: Path, status: int, kind: str
):
    """What it refuses a person must mend; a hub that is away may be back at the next try."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(status)

        do_HEAD = do_GET  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        result = python(FAIL, str(tmp_path), HF_HOME=str(tmp_path / "hf"), HF_ENDPOINT=endpoint)
        server.shutdown()
    assert result.stdout.strip() == kind, result.stderr


def test_a_hub_that_cannot_be_reached_is_away(python: Run, tmp_path: Path):
    result = python(FAIL, str(tmp_path), HF_HOME=str(tmp_path / "hf"), HF_ENDPOINT="http://127.0.0.1:9")
    assert result.stdout.strip() == "HubError", result.stderr
    offline = python(FAIL, str(tmp_path), HF_HOME=str(tmp_path / "hf"), HF_HUB_OFFLINE="1")
    assert offline.stdout.strip() == "ModelError", offline.stderr
