"""Image towers in another precision, run in pieces of equal size so that a vector is the same in any batch.

`ENGINES` names what there is. What does not belong here: which of them is taken (`calibration.py`), and the
model itself (`models/encoder.py`).
"""

import copy
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from typing import TYPE_CHECKING

from clipper.errors import ANOTHER_MODEL, ModelError
from clipper.text import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import torch

    from clipper.images.preprocess import Transform
    from clipper.models.engines.linear_layers import Linear

EXACT = "float32"
# In the order in which they are tried where two are equally fast.
ENGINES = (EXACT, "bfloat16", "float16", "int8")

# Images of one pass on a CPU, always. In float32 the last bit of a vector may depend on the size of the
# batch. So an image gets the same vector in every run, alone or among others; larger passes are no faster.
PIECE = 8
# Threads that work on a piece each; each has the cores that are left to it.
_MOST_WORKERS = 8
_START_SECONDS = 60
# The least cosine to the tower's features with which layers may compute activations: rounding leaves more.
_ALIKE, _ALIKE_EXACT = 0.98, 0.9999
_AVX = ("AVX2", "AVX512")


def available(device: "torch.device") -> tuple[str, ...]:
    """Return the engines that are worth measuring on a device, `EXACT` first."""
    import torch

    if device.type == "cuda":
        return (
            EXACT,
            *(["bfloat16"] if torch.cuda.is_bf16_supported(including_emulation=False) else []),
            "float16",
        )
    if device.type != "cpu":
        return (EXACT, "float16")
    more = ["bfloat16"] if cpu_has_bf16() else []
    # Elsewhere torch multiplies int8 in a plain loop, hundreds of times slower.
    if torch.backends.mkldnn.is_available() and torch.backends.cpu.get_cpu_capability() in _AVX:
        more.append("int8")
    return (EXACT, *more)


def cpu_has_bf16() -> bool:
    """Whether the CPU multiplies bf16 in hardware; emulated, it is slower than float32."""
    import torch

    for probe in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        if getattr(torch.cpu, probe, bool)():
            return True
    return False


class Engine:
    """An image tower in one precision on one device; threads may share it, one is served at a time."""

    def __init__(
        self, name: str, tower: "torch.nn.Module", *, transform: "Transform", device: "torch.device"
    ) -> None:
        """Convert a copy of the tower; the tower itself stays as it is.

        Args:
            name: one of `ENGINES`.
            tower: on `device`, float32; turns normalised (n, 3, s, s) float32 into (n, d) features.
            transform: normalises its input.
            device: where it runs.

        Raises:
            ModelError: this model, or this device, cannot run in this precision.
        """
        self.name, self._transform, self._device = name, transform, device
        self._lock = threading.Lock()
        self._run: Callable[[np.ndarray], np.ndarray]
        try:
            if device.type == "cpu":
                self._tower, self._dtype = _for_cpu(name, tower, transform.crop_side)
                self._run = self._in_pieces
            else:
                from clipper.models.engines.accelerator import AcceleratedTower

                self._run = AcceleratedTower(name, tower, transform=transform, device=device)
        except MemoryError:
            raise
        except Exception as error:  # whatever a model does with what a configuration asks of it
            way_out = (
                ANOTHER_MODEL if name == EXACT else 'set precision = "exact" (or CLIPPER_PRECISION=exact)'
            )
            raise ModelError(
                f"the model cannot run in {name} on {device}: {reason_of(error)}; {way_out}"
            ) from error

    def __call__(self, pixels: "np.ndarray") -> "np.ndarray":
        """Embed crops, (n, s, s, 3) uint8, n > 0: (n, d) float32, rows L2-normalised.

        A row whose features overflow in this precision has another length, or is not finite.
        """
        import numpy as np

        with self._lock:
            features = self._run(pixels)
        with np.errstate(over="ignore", invalid="ignore"):
            lengths = np.linalg.norm(features, axis=1, keepdims=True)
            return np.ascontiguousarray(features / np.maximum(lengths, 1e-12))

    def _in_pieces(self, pixels: "np.ndarray") -> "np.ndarray":
        import numpy as np

        count = len(pixels)
        if missing := -count % PIECE:
            pixels = np.concatenate([pixels, np.zeros_like(pixels, shape=(missing, *pixels.shape[1:]))])
        pieces = [pixels[start : start + PIECE] for start in range(0, len(pixels), PIECE)]
        # One piece alone, such as a query image, has all cores. In other precisions than float32 vectors
        # depend on the number of threads: a piece always has those of a worker.
        run = map if len(pieces) == 1 and self.name == EXACT else self._workers.map
        return np.concatenate(list(run(self._piece, pieces)))[:count]

    def _piece(self, pixels: "np.ndarray") -> "np.ndarray":
        import torch

        with torch.inference_mode():
            batch = self._transform.normalise(torch.from_numpy(np_writable(pixels)))
            features: np.ndarray = self._tower(batch.to(self._dtype)).float().numpy()
        return features

    @cached_property
    def _workers(self) -> ThreadPoolExecutor:
        import torch

        cores = torch.get_num_threads()
        count = min(cores, _MOST_WORKERS)
        all_started = threading.Barrier(count)

        def start() -> None:
            torch.set_num_threads(max(1, cores // count))
            # A thread takes the number that was set last, by any thread, when it first asks for it.
            torch.get_num_threads()
            all_started.wait(_START_SECONDS)

        workers = ThreadPoolExecutor(count, "embed", initializer=start)
        for future in [workers.submit(int) for _ in range(count)]:
            future.result()
        torch.set_num_threads(cores)
        return workers


def np_writable(pixels: "np.ndarray") -> "np.ndarray":
    """Return pixels that torch takes without a warning: it knows no array that may only be read."""
    return pixels if pixels.flags.writeable and pixels.flags.c_contiguous else pixels.copy()


def _for_cpu(name: str, tower: "torch.nn.Module", side: int) -> "tuple[torch.nn.Module, torch.dtype]":
    """Return a copy of a tower in one precision, and the type of its input.

    A model may do with its layers what a replaced layer does not allow. So it runs once here, and less is
    replaced if that fails. In float32 and bfloat16 it may stay as it is; then it has to run so.
    """
    import torch

    if name not in ENGINES:  # of a later version of Clipper, on another machine
        raise ValueError("this version knows no such precision")
    dtype = torch.float32 if name == "int8" else getattr(torch, name)
    least = _ALIKE_EXACT if name == EXACT else _ALIKE
    noise = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    by_onednn = torch.backends.mkldnn.is_available() and (
        name in (EXACT, "int8") or (name == "bfloat16" and cpu_has_bf16())
    )
    with torch.inference_mode():
        for activations in (True, False) if by_onednn else ():
            try:
                made = _faster(name, tower, dtype, activations=activations)
                features = made(noise.to(dtype)).float()
            except MemoryError:
                raise
            except Exception:  # whatever a model does with its layers
                if name == "int8" and not activations:
                    raise
                continue
            if not activations or torch.cosine_similarity(features, tower(noise)).min() >= least:
                return made, dtype
        plain = tower if dtype == torch.float32 else copy.deepcopy(tower).to(dtype)
        plain(noise.to(dtype))
        return plain, dtype


def _faster(
    name: str, tower: "torch.nn.Module", dtype: "torch.dtype", *, activations: bool
) -> "torch.nn.Module":
    """Return a copy of a tower whose linear layers are replaced."""
    from clipper.models.engines.linear_layers import Int8Linear, PackedLinear

    if name == "bfloat16":
        packed = partial(PackedLinear, dtype=dtype)
        return _replaced(copy.deepcopy(tower), packed, activations=activations, projection=False).to(dtype)
    linear = Int8Linear if name == "int8" else PackedLinear
    return _replaced(_sharing(tower), linear, activations=activations, projection=name == EXACT)


def _sharing(tower: "torch.nn.Module") -> "torch.nn.Module":
    """Copy a tower's modules, but not its tensors."""
    tensors = [*tower.parameters(), *tower.buffers()]
    return copy.deepcopy(tower, {id(tensor): tensor for tensor in tensors})


def _replaced(
    module: "torch.nn.Module", linear: "Callable[..., Linear]", *, activations: bool, projection: bool = True
) -> "torch.nn.Module":
    """Replace the linear layers inside a module, and the convolution that cuts an image into patches.

    Those of `MultiheadAttention` stay: it reads their weights itself. So does the projection, a layer of the
    tower itself, if it is not to be replaced: it costs nothing, and what it rounds nothing evens out. With
    `activations`, a layer also computes the activation that follows it, which rounds otherwise.
    """
    from torch import nn

    from clipper.models.engines.feed_forward_layers import replaced_feed_forward
    from clipper.models.engines.linear_layers import PatchLinear, is_patching

    for name, child in module.named_children():
        if type(child) is nn.Linear:
            if projection:
                setattr(module, name, linear(child.weight, child.bias))
        elif is_patching(child):
            setattr(module, name, PatchLinear(child, linear))
        elif activations and (made := replaced_feed_forward(child, linear)):
            setattr(module, name, made)
        elif not isinstance(child, nn.MultiheadAttention):
            _replaced(child, linear, activations=activations)
    return module
