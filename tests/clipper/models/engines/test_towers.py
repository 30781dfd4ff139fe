"""Each engine gives the vectors of float32, the same for an image in any batch."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch  # noqa: TID253 - what is tested are torch's modules
from torch import nn  # noqa: TID253
from transformers.activations import ACT2FN  # noqa: TID253

from clipper.errors import ModelError
from clipper.images.preprocess import Transform
from clipper.models import encoder as model
from clipper.models import source as model_files
from clipper.models.engines.int8_kernels import quantise, scale_back
from clipper.models.engines.linear_layers import Int8Linear, PackedLinear, PatchLinear, is_patching
from clipper.models.engines.towers import EXACT, Engine, available
from clipper.settings import Settings

CPU = torch.device("cpu")
HERE = available(CPU)
needs_onednn = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch without oneDNN")
needs_int8 = pytest.mark.skipif("int8" not in HERE, reason="int8 is slow on this processor")


@pytest.fixture(scope="module")
def encoder(model_folder: Path) -> model.Encoder:
    return model.Encoder(model_files.find(Settings(home=Path("/nonexistent"), model=str(model_folder))))


@pytest.fixture(scope="module")
def crops(encoder: model.Encoder) -> np.ndarray:
    """Soft patterns of many colours, as a model takes them."""
    side, noise = encoder.transform.crop_side, np.random.default_rng(0)
    coarse = noise.integers(0, 256, (21, 4, 4, 3))
    return np.repeat(np.repeat(coarse, -(-side // 4), 1), -(-side // 4), 2)[:, :side, :side].astype(np.uint8)


@pytest.fixture(scope="module")
def exact(encoder: model.Encoder, crops: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        features = encoder.image_tower()(encoder.transform.normalise(torch.from_numpy(crops))).numpy()
    return features / np.linalg.norm(features, axis=1, keepdims=True)


@pytest.mark.parametrize("name", HERE)
def test_an_engine_gives_the_vectors_of_the_model(
    encoder: model.Encoder, crops: np.ndarray, exact: np.ndarray, name: str
):
    vectors = encoder.make_engine(name)(crops)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert (vectors * exact).sum(axis=1).min() >= (1 - 1e-5 if name == EXACT else 0.995)


@pytest.mark.parametrize("name", HERE)
@pytest.mark.parametrize("size", [1, 7, 8, 9])
def test_a_vector_is_the_same_to_the_bit_in_any_batch(
    encoder: model.Encoder, crops: np.ndarray, name: str, size: int
):
    engine = encoder.make_engine(name)
    together = engine(crops)
    parts = [engine(crops[start : start + size]) for start in range(0, len(crops), size)]
    assert np.array_equal(together, np.vstack(parts))
    assert np.array_equal(together[::-1], engine(crops[::-1]))


@pytest.fixture
def threads(request: pytest.FixtureRequest) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


class Block(nn.Module):
    """A tower as wide as a real one: torch divides its activations among threads."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.norm = nn.Conv2d(3, 512, 8, 8), nn.LayerNorm(512)
        self.part = nn.Sequential(nn.Linear(512, 2048), ACT2FN["quick_gelu"], nn.Linear(2048, 512))
        self.projection = nn.Linear(512, 64)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.patches(x).flatten(2).transpose(1, 2))
        return self.projection((x + self.part(x)).mean(1))


@pytest.mark.parametrize("name", HERE)
@pytest.mark.parametrize("threads", [1, 3, 6, 7, 12], indirect=True)
@pytest.mark.usefixtures("threads")
def test_a_vector_is_the_same_to_the_bit_in_any_place_with_any_threads(name: str):
    torch.manual_seed(0)
    transform = Transform.from_config({"size": 56, "crop_size": 56}, image_size=56)
    crops = np.random.default_rng(0).integers(0, 256, (24, 56, 56, 3), np.uint8)
    engine = Engine(name, Block().eval(), transform=transform, device=CPU)
    together = engine(crops)
    alone = [engine(crops[row : row + 1]) for row in range(6)]
    assert np.array_equal(together[:6], np.vstack(alone))
    assert np.array_equal(together[::-1], engine(crops[::-1]))


def test_engines_leave_the_model_as_it_is(encoder: model.Encoder, crops: np.ndarray, exact: np.ndarray):
    for name in HERE:
        encoder.make_engine(name)(crops[:1])
    with torch.inference_mode():
        features = encoder.image_tower()(encoder.transform.normalise(torch.from_numpy(crops))).numpy()
    assert np.array_equal(features / np.linalg.norm(features, axis=1, keepdims=True), exact)


def test_the_engine_of_a_model_can_be_changed(encoder: model.Encoder, crops: np.ndarray):
    first = encoder.embed_pixels(crops)
    encoder.use_engine("bfloat16")
    assert not np.array_equal(encoder.embed_pixels(crops), first)
    encoder.use_engine(EXACT)
    assert np.array_equal(encoder.embed_pixels(crops), first)


@pytest.mark.parametrize("count", [1, 8, 9, 21])
def test_the_passes_of_a_gpu_give_each_crop_its_own_vector(
    encoder: model.Encoder, crops: np.ndarray, exact: np.ndarray, count: int, monkeypatch: pytest.MonkeyPatch
):
    """On a CPU here: without pinned memory and graph, but with the same buffers in the same order."""
    from clipper.models.engines import accelerator

    monkeypatch.setattr(accelerator, "PIECE", 8)
    tower = encoder.image_tower()
    run = accelerator.AcceleratedTower("float32", tower, transform=encoder.transform, device=CPU)
    features = run(crops[:count])
    assert features.shape == (count, encoder.source.dimensions)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    assert np.allclose(unit, exact[:count], atol=1e-5)
    with pytest.raises(ValueError, match="int8 runs on a CPU only"):
        accelerator.AcceleratedTower("int8", tower, transform=encoder.transform, device=CPU)


def test_the_threads_of_an_engine_are_its_own(encoder: model.Encoder, crops: np.ndarray):
    with ThreadPoolExecutor(1) as before:
        count = before.submit(torch.get_num_threads).result()
        encoder.make_engine(EXACT)(crops)
        assert before.submit(torch.get_num_threads).result() == torch.get_num_threads() == count
        with ThreadPoolExecutor(1) as after:
            assert after.submit(torch.get_num_threads).result() == count


@needs_int8
def test_int8_rows_have_their_own_scale():
    rows = np.array([[1, -2, 0.5], [1000, 1, -1000], [0, 0, 0], [np.nan, 1, 2], [np.inf, 1, 2]], np.float32)
    out, scales = np.full(rows.shape, 99, np.int8), np.empty(len(rows), np.float32)
    quantise(rows, out, scales)
    assert out[:3].tolist() == [[64, -127, 32], [127, 0, -127], [0, 0, 0]]
    assert np.allclose(scales[:2], [2 / 127, 1000 / 127])
    result = np.empty(rows.shape, np.float32)
    ones = np.ones(3, np.float32)
    scale_back(out.astype(np.int32), scales, ones, ones, result)
    assert np.allclose(result[:3], rows[:3] + 1, atol=scales[:3, None] / 2 + 1e-6)
    assert not np.isfinite(result[3:]).all(axis=1).any()  # what float32 cannot hold is not made up


@needs_int8
def test_int8_products_are_within_their_rounding():
    torch.manual_seed(0)
    layer, x = nn.Linear(256, 96), torch.randn(3, 10, 256)
    with torch.inference_mode():
        exact, rounded = layer(x), Int8Linear(layer.weight, layer.bias)(x)
        alone = Int8Linear(layer.weight, layer.bias)(x[1:2])
    assert rounded.shape == exact.shape
    assert (rounded - exact).norm() / exact.norm() < 0.02
    assert torch.equal(rounded[1:2], alone)


@needs_int8
def test_large_values_add_up_in_int8():
    """A processor without VNNI adds two products in 16 bits, where they may end at the largest number."""
    layer, x = nn.Linear(256, 64, bias=False), torch.ones(4, 256)
    with torch.inference_mode():
        layer.weight.fill_(1)
        assert torch.allclose(Int8Linear(layer.weight, None)(x), layer(x), rtol=1e-4)


@needs_onednn
def test_patches_are_the_convolution():
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 24, kernel_size=(8, 4), stride=(8, 4))
    x = torch.randn(2, 3, 33, 18)  # what does not fill a patch is left out by both
    with torch.inference_mode():
        assert torch.allclose(PatchLinear(layer, PackedLinear)(x), layer(x), atol=1e-5)
    for other in (nn.Conv2d(3, 8, 3, 1), nn.Conv2d(4, 8, 2, 2, groups=2), nn.Conv2d(3, 8, 2, 2, padding=1)):
        assert not is_patching(other)


class Odd(nn.Module):
    """A tower with torch's attention, which reads its own weights; `reads`: the tower reads a layer's."""

    def __init__(self, *, reads: bool = False) -> None:
        super().__init__()
        self.patches, self.reads = nn.Conv2d(3, 16, 8, 8), reads
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.inner = nn.Sequential(nn.Linear(16, 12))
        self.projection = nn.Linear(12, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x, _ = self.attention(x, x, x)
        layer = self.inner[0]
        inner = nn.functional.linear(x, layer.weight, layer.bias) if self.reads else layer(x)
        return self.projection(inner.mean(1))


@needs_int8
def test_other_families_run_as_far_as_they_allow():
    torch.manual_seed(0)
    transform = Transform.from_config({"size": 16, "crop_size": 16}, image_size=16)
    crops = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), np.uint8)
    tower = Odd().eval()
    engines = [Engine(name, tower, transform=transform, device=CPU) for name in (EXACT, "int8")]
    by_torch, int8 = (engine(crops) for engine in engines)
    assert (by_torch * int8).sum(axis=1).min() > 0.99
    tower.reads = True  # float32 then runs as torch has it; nothing else pretends to
    assert np.allclose(Engine(EXACT, tower, transform=transform, device=CPU)(crops), by_torch, atol=1e-5)
    with pytest.raises(ModelError, match=r'cannot run in int8 on cpu: .*precision = "exact"'):
        Engine("int8", tower, transform=transform, device=CPU)


class OwnOrder(nn.Module):
    """A tower that does with the parts of its feed-forward part what their module does not do alone."""

    def __init__(self, run: Callable[[nn.Sequential, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.patches, self.run = nn.Conv2d(3, 16, 8, 8), run
        self.part = nn.Sequential(nn.Linear(16, 16), nn.GELU(), nn.Linear(16, 16))
        self.projection = nn.Linear(16, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        return self.projection(self.run(self.part, x).mean(1))


@pytest.mark.parametrize(
    "run",
    [
        lambda part, x: part[2](part[1](part[0](x))),
        lambda part, x: part[-1](part[1](part[0](x))),
        lambda part, x: part(input=x),
        lambda part, x: 10 * part[1](x) if len(part) == 3 else part(x),
    ],
)
@pytest.mark.parametrize("name", HERE)
def test_a_tower_that_uses_parts_of_its_own_gives_the_same_vectors(
    run: Callable[[nn.Sequential, torch.Tensor], torch.Tensor], name: str
):
    torch.manual_seed(0)
    transform = Transform.from_config({"size": 16, "crop_size": 16}, image_size=16)
    crops = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), np.uint8)
    tower = OwnOrder(run).eval()
    with torch.inference_mode():
        features = tower(transform.normalise(torch.from_numpy(crops))).numpy()
    vectors = Engine(name, tower, transform=transform, device=CPU)(crops)
    expected = features / np.linalg.norm(features, axis=1, keepdims=True)
    assert (vectors * expected).sum(axis=1).min() > 0.995
