"""Files of a model choose no code: none that comes with it is run, and none is fetched."""

import builtins
import json
import shutil
from pathlib import Path
from typing import Any

import made_models
import numpy as np
import pytest

from clipper.errors import ModelError
from clipper.models.encoder import Encoder
from clipper.models.source import find
from clipper.settings import Settings

EVIL = """
from pathlib import Path
Path(__file__).with_name("it-ran").touch()
from transformers import PreTrainedTokenizerFast
class Evil(PreTrainedTokenizerFast):
    pass
"""


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What a person would have been asked; the answer is yes."""
    questions: list[str] = []
    monkeypatch.setattr(builtins, "input", lambda question="": questions.append(question) or "y")
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    return questions


def make(kind: str, folder: Path, model_folder: Path, **config: Any) -> Path:
    """Make a model with code beside it, and with these entries in its configuration."""
    made_models.make(kind, folder, clip_tokenizer=model_folder)
    (folder / "evil.py").write_text(EVIL)
    edit(folder / "config.json", **config)
    return folder


def edit(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def load(folder: Path) -> Encoder:
    return Encoder(find(Settings(home=Path("/nonexistent"), model=str(folder))), device="cpu")


@pytest.mark.parametrize("kind", ["altclip", "vision-text-dual-encoder"])
def test_a_tokenizer_that_is_code_of_the_model_is_refused_and_nobody_is_asked(
    model_folder: Path, tmp_path: Path, asked: list[str], kind: str
):
    folder = make(kind, tmp_path / "made", model_folder)
    auto = {"AutoTokenizer": ["evil.Evil", "evil.Evil"]}
    edit(folder / "tokenizer_config.json", tokenizer_class="Evil", auto_map=auto)
    with pytest.raises(ModelError, match=r"runs no code that comes with a model.*set `model`") as caught:
        load(folder).embed_texts(["a cat"])
    assert "\n" not in str(caught.value)
    assert asked == []
    assert not list(tmp_path.rglob("it-ran"))


@pytest.mark.parametrize("key", ["_attn_implementation", "attn_implementation"])
@pytest.mark.parametrize(
    "value", ["evil/kernel", "flash_attention_2", {"vision_config": "evil/kernel"}, "paged|evil/kernel", 3]
)
def test_attention_that_a_file_names_is_not_fetched(
    model_folder: Path, tmp_path: Path, key: str, value: object
):
    """Weights do not depend on how attention is computed: the model serves, in the usual way."""
    plain = made_models.make("clip", tmp_path / "plain", clip_tokenizer=model_folder)
    folder = Path(shutil.copytree(plain, tmp_path / "copy"))
    config = json.loads((folder / "config.json").read_text())
    named = {part: config[part] | {key: value} for part in ("text_config", "vision_config")}
    for changes in ({key: value}, named):
        edit(folder / "config.json", **config | changes)
        crops = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
        assert np.array_equal(load(folder).embed_pixels(crops), load(plain).embed_pixels(crops))


def test_a_part_of_a_model_is_no_code_of_the_model_either(
    model_folder: Path, tmp_path: Path, asked: list[str]
):
    folder = make("vision-text-dual-encoder", tmp_path / "made", model_folder)
    config = json.loads((folder / "config.json").read_text())
    auto = {"AutoModel": "evil.Evil", "AutoConfig": "evil.Evil"}
    vision = config["vision_config"] | {"auto_map": auto}
    edit(folder / "config.json", vision_config=vision, auto_map=auto)
    assert load(folder).embed_texts(["a cat"]).shape == (1, 24)
    # No model of transformers: it would ask whether to run the code.
    edit(folder / "config.json", vision_config=vision | {"model_type": "encoder-decoder"})
    with pytest.raises(ModelError, match=r"cannot be loaded"):
        load(folder)
    assert asked == []
    assert not list(tmp_path.rglob("it-ran"))


@pytest.mark.parametrize("where", ["", "vision_config"])
@pytest.mark.parametrize("value", [{"quant_method": "awq"}, "x"])
def test_quantized_weights_are_refused_before_anything_is_loaded(
    model_folder: Path, tmp_path: Path, where: str, value: object
):
    folder = make("clip", tmp_path / "made", model_folder)
    config = json.loads((folder / "config.json").read_text())
    (config[where] if where else config)["quantization_config"] = value
    edit(folder / "config.json", **config)
    with pytest.raises(ModelError, match=r"made: its weights are quantized.*set `model`"):
        find(Settings(home=Path("/nonexistent"), model=str(folder)))
