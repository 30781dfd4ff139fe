"""The feed-forward part of a transformer's block: a linear layer, an activation and a linear layer, as two.

torch computes CLIP's activation in three passes over more memory than a cache holds: an eighth to a fifth of
the time of a tower. It also rounds the end of each thread's share in another way: a vector would depend on
its place in a batch. What does not belong here: the layers (`linear_layers.py`), and where in a tower such
parts are (`towers.py`).
"""

from collections.abc import Callable

import torch  # noqa: TID253 - this file is itself loaded inside functions only
from torch import nn  # noqa: TID253

from clipper.models.engines.linear_layers import ACTIVATIONS, SILU, Activation, Linear

_QUICK = 1.702  # CLIP's activation is x * sigmoid(1.702 * x)
# Where activations differ; some are cut off far out.
_PROBES = (*(step / 4 for step in range(-32, 33)), -1e3, -100, -20, -12, 12, 20, 100, 1e3)


def replaced_feed_forward(module: nn.Module, linear: Callable[..., Linear]) -> nn.Module | None:
    """Return two layers of another kind that do what a module does; None if it is another kind of module.

    What a module is follows from what it computes: each library has a class of its own for it.

    Args:
        module: float32, on the CPU.
        linear: makes a layer, of weights, a bias and an activation.
    """
    layers = [child for child in module.children() if type(child) is nn.Linear]
    others = [child for child in module.children() if type(child) not in (nn.Linear, nn.Dropout, nn.Identity)]
    match layers, others:
        case [first, last], [between] if first.out_features == last.in_features:
            found = _activation(between)
        case _:
            return None
    if found is None or not _is_chain(module, [first, between, last]):
        return None
    activation, factor = found
    bias = None if first.bias is None else first.bias * factor
    return nn.Sequential(
        linear(first.weight * factor, bias, activation), linear(last.weight / factor, last.bias)
    )


def _activation(module: nn.Module) -> tuple[Activation, float] | None:
    """Return the activation a and the factor f with which a module computes a(f * x) / f."""
    x = torch.tensor(_PROBES)
    known = ((SILU, _QUICK), *((each, 1.0) for each in ACTIVATIONS))
    for activation, factor in known:
        if _gives(module, x, activation.function(factor * x) / factor):
            return activation, factor
    return None


def _is_chain(module: nn.Module, parts: list[nn.Module]) -> bool:
    """Whether a module gives its input to its parts one after another, and does nothing else."""
    x = torch.linspace(-1, 1, 2 * parts[0].in_features).view(1, 2, -1)
    return _gives(module, x, nn.Sequential(*parts)(x))


def _gives(module: nn.Module, x: torch.Tensor, expected: torch.Tensor) -> bool:
    """Whether a module takes a tensor, and makes this of it but for its rounding."""
    try:
        result = module(x.clone())  # which it may overwrite
    except Exception:  # noqa: BLE001 - a module of any kind, which may want another input
        return False
    alike = (
        isinstance(result, torch.Tensor) and result.shape == expected.shape and result.dtype == expected.dtype
    )
    return alike and torch.allclose(result, expected, rtol=1e-5, atol=1e-6)
