"""An image tower on a GPU: pinned memory, copies that overlap with the model, one CUDA graph for all passes.

What does not belong here: towers on a CPU, and the choice of a precision (`towers.py`, `calibration.py`).
"""

import copy
import logging
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from clipper.images.preprocess import Normalisation

if TYPE_CHECKING:
    import numpy as np
    import torch

    from clipper.images.preprocess import Transform

# Images of one pass, always: a graph has one shape, and a vector is then the same in any batch.
PIECE = 64
# Passes before the graph is recorded: cuBLAS and cuDNN choose their kernels in the first ones.
_WARMUPS = 3
_SLOTS = 2  # one is filled while the GPU works on the other
_logger = logging.getLogger(__name__)


class AcceleratedTower:
    """Embeds (n, s, s, 3) uint8 crops on a device: (n, d) float32 features. One thread at a time calls it."""

    def __init__(
        self, name: str, tower: "torch.nn.Module", *, transform: "Transform", device: "torch.device"
    ) -> None:
        """Convert a copy of the tower, and on CUDA record its passes.

        Args:
            name: a floating type of torch.
            tower: on `device`, float32.
            transform: normalises its input.
            device: CUDA or MPS.

        Raises:
            RuntimeError: the device cannot run it.
            ValueError: `name` is no floating type.
        """
        import torch

        self._dtype = getattr(torch, name)
        if not isinstance(self._dtype, torch.dtype) or not self._dtype.is_floating_point:
            raise ValueError(f"{name} runs on a CPU only")
        self._is_exact, self._device = name == "float32", device
        # The patches' convolution is faster with the colours of a pixel side by side; so they arrive.
        converted = tower if self._is_exact else copy.deepcopy(tower).to(self._dtype)
        self._tower = converted.to(memory_format=torch.channels_last)
        # Made once: a graph may not copy from ordinary memory.
        self._normalise = Normalisation(transform, device)
        shape = (PIECE, transform.crop_side, transform.crop_side, 3)
        pinned = device.type == "cuda"
        self._pinned = [torch.zeros(shape, dtype=torch.uint8, pin_memory=pinned) for _ in range(_SLOTS)]
        self._input = torch.zeros(shape, dtype=torch.uint8, device=device)
        self._output = self._forward()
        self._answers = [
            torch.empty(self._output.shape, dtype=torch.float32, pin_memory=pinned) for _ in range(_SLOTS)
        ]
        self._graph = self._record() if pinned else None

    @property
    def has_graph(self) -> bool:
        """Whether its passes are recorded."""
        return self._graph is not None

    def forget_graph(self) -> None:
        """Run the passes one kernel after the other from now on."""
        self._graph = None

    def __call__(self, pixels: "np.ndarray") -> "np.ndarray":
        """Embed crops in passes of `PIECE`; while one runs, the next is copied into pinned memory."""
        import torch

        with torch.cuda.device(self._device) if self._device.type == "cuda" else nullcontext():
            return self._in_pieces(pixels)

    def _in_pieces(self, pixels: "np.ndarray") -> "np.ndarray":
        import numpy as np

        parts: list[np.ndarray] = []
        running: tuple[int, int, Any] | None = None
        for slot, start in enumerate(range(0, len(pixels), PIECE)):
            piece = pixels[start : start + PIECE]
            buffer = self._pinned[slot % _SLOTS].numpy()
            buffer[: len(piece)] = piece
            buffer[len(piece) :] = 0
            started = (slot % _SLOTS, len(piece), self._start(slot % _SLOTS))
            if running:
                parts.append(self._finish(*running))
            running = started
        if running:
            parts.append(self._finish(*running))
        return np.concatenate(parts)

    def _start(self, slot: int) -> Any:
        """Queue the copy to the device, the pass and the copy back; return the event at their end.

        One stream does them in this order: the next pass does not overwrite what this one reads.
        """
        import torch

        self._input.copy_(self._pinned[slot], non_blocking=True)
        if self._graph is not None:
            self._graph.replay()
        else:
            self._output = self._forward()
        self._answers[slot].copy_(self._output, non_blocking=self._device.type == "cuda")
        if self._device.type != "cuda":
            return None
        event = torch.cuda.Event()
        event.record()
        return event

    def _finish(self, slot: int, count: int, event: Any) -> "np.ndarray":
        if event is not None:
            event.synchronize()
        features: np.ndarray = self._answers[slot][:count].numpy().copy()
        return features

    def _forward(self) -> "torch.Tensor":
        import torch

        # cuDNN would multiply float32 in TF32, which has ten bits.
        exactly = self._is_exact and self._device.type == "cuda"
        with (
            torch.inference_mode(),
            torch.backends.cudnn.flags(enabled=True, allow_tf32=False) if exactly else nullcontext(),
        ):
            features: torch.Tensor = self._tower(self._normalise(self._input).to(self._dtype))
            return features.float()

    def _record(self) -> Any:
        """Record a pass as a CUDA graph: hundreds of small kernels are then started at once.

        A model that asks the host something on its way cannot be recorded; it runs as it is.
        """
        import torch

        try:
            with torch.cuda.device(self._device):
                side = torch.cuda.Stream()
                side.wait_stream(torch.cuda.current_stream())
                with torch.cuda.stream(side):
                    for _ in range(_WARMUPS):
                        self._forward()
                torch.cuda.current_stream().wait_stream(side)
                graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                    self._output = self._forward()
        except RuntimeError as error:
            _logger.info("the model runs without a CUDA graph: %s", str(error).splitlines()[0])
            torch.cuda.synchronize(self._device)
            return None
        return graph
