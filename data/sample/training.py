"""Training: batches of pictures and texts, the contrastive loss, the optimisers, the schedule.

Knows neither files nor the command line; what it makes, `train_model` saves.
"""

# ruff: noqa: TID253 -- a script on its own: nothing that should start fast imports it.
from __future__ import annotations

import copy
import math
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.optim import _muon

from clipper.models.engines.towers import cpu_has_bf16
from data.sample.augmentation import Augmenter
from data.sample.flat import FlatDrawings
from data.sample.texts import TextSampler

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from transformers import CLIPModel, CLIPTokenizer

    from data.sample.catalogue import Emoji

_SIDED = re.compile(r"left|right|arrow|clock|thirty|moon|button|back|\bon!|soon|mute|speaker|dashing")
_COLOURS = re.compile(r"\b(red|orange|yellow|green|blue|purple|brown|black|white|pink|grey)\b")
_RUN = 16
_LOGIT_SCALE_LIMIT = math.log(100.0)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long and how hard to train."""

    steps: int
    minutes: float | None
    batch_size: int
    learning_rate: float
    weight_decay: float
    finished_share: float
    run_share: float
    flat_share: float
    hidden_share: float
    hidden_until: float
    begins_easy: bool
    average_decay: float
    seed: int


def keeps_meaning_mirrored(emoji: Emoji) -> bool:
    """Tell whether a drawing's mirror image shows the same thing."""
    return emoji.group not in {"Flags", "Symbols"} and not _SIDED.search(emoji.name)


def needs_its_colour(emoji: Emoji) -> bool:
    """Tell whether a drawing in other colours would show something else."""
    return emoji.group == "Flags" or bool(_COLOURS.search(emoji.name))


def contrastive_loss(logits: Tensor, right: Tensor) -> Tensor:
    """CLIP's symmetric loss with several right answers (arXiv:2004.11362, the sum outside the log).

    `logits` is `(texts, images) float32`, `right` `(texts, images) bool` with its diagonal true.
    """
    share = right.float()
    to_image = -(share / share.sum(1, keepdim=True) * logits.log_softmax(1)).sum(1).mean()
    to_text = -(share / share.sum(0, keepdim=True) * logits.log_softmax(0)).sum(0).mean()
    return (to_image + to_text) / 2


class Batches:
    """Draws batches: varied pictures, tokens, and which text applies to which picture."""

    def __init__(
        self,
        catalogue: Sequence[Emoji],
        *,
        glyphs: Tensor,
        images: Tensor,
        tokenizer: CLIPTokenizer,
        plan: Plan,
    ) -> None:
        """Keep glyphs `(n, 4, h, w) uint8` and images `(n, 3, size, size) float32`, same order."""
        self._glyphs, self._images, self._tokenizer, self._plan = glyphs, images, tokenizer, plan
        self._texts = TextSampler(catalogue)
        self._may_mirror = torch.tensor([keeps_meaning_mirrored(emoji) for emoji in catalogue])
        self._keeps_colour = torch.tensor([needs_its_colour(emoji) for emoji in catalogue])
        self._random = np.random.default_rng(plan.seed)
        generator = torch.Generator().manual_seed(plan.seed)
        self._augmenter = Augmenter(size=images.shape[-1], generator=generator)
        self._flat = FlatDrawings(glyphs, generator=generator)

    def draw(self, done: float) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Give pixels `(n, 3, size, size)`, tokens `(n, length)`, and `right` `(n, n) bool`.

        Batches of a new model begin easy, with more finished pictures and no look-alikes, and are at
        their hardest once `done` reaches 0.3.
        """
        easy = max(0.0, 1.0 - done / 0.3) if self._plan.begins_easy else 0.0
        chosen = self._choose(round((1 - easy) * self._plan.run_share * self._plan.batch_size))
        finished = self._plan.finished_share
        untouched = round(len(chosen) * (finished + (0.6 - finished) * easy))
        kept, redrawn = torch.from_numpy(chosen[:untouched]), torch.from_numpy(chosen[untouched:])
        pixels = torch.cat(
            [
                self._augmenter.jitter(self._images[kept]),
                self._augmenter.redraw(
                    self._draw_glyphs(redrawn),
                    may_mirror=self._may_mirror[redrawn],
                    keeps_colour=self._keeps_colour[redrawn],
                ),
            ]
        )
        drawn = [self._texts.draw(int(index), self._random) for index in chosen]
        tokens = self._tokenizer(
            [text for text, _ in drawn], padding=True, truncation=True, return_tensors="pt"
        )
        right = np.stack([applies[chosen] for _, applies in drawn])
        return pixels, dict(tokens), torch.from_numpy(right)

    def _draw_glyphs(self, chosen: Tensor) -> Tensor:
        """Take the font's glyphs for `chosen`, `(m,) int64`, but for a share that is drawn flat."""
        flat = torch.from_numpy(self._random.random(len(chosen)) < self._plan.flat_share)
        glyphs = self._glyphs[chosen]
        glyphs[flat] = self._flat.draw(chosen[flat], keeps_colour=self._keeps_colour[chosen[flat]])
        return glyphs

    def _choose(self, alike: int) -> np.ndarray:
        """Choose a batch: about `alike` in runs of the catalogue, where look-alikes stand together."""
        total, size = len(self._glyphs), self._plan.batch_size
        starts = self._random.integers(total, size=alike // _RUN)
        runs = (starts[:, None] + np.arange(_RUN)).ravel() % total
        anywhere = self._random.choice(total, size - len(runs), replace=False)
        return self._random.permutation(np.concatenate([runs, anywhere]))


class PatchDropout:
    """Hides a share of every picture's patches from the vision model (arXiv:2212.00794).

    A forward hook on the patch embeddings, `(n, 1 + patches, width)`: half the patches cost half
    the time, and what is hidden cannot be learned by heart.
    """

    def __init__(self, model: CLIPModel, plan: Plan) -> None:
        """Hide `plan.hidden_share` of the patches until training is nearly done."""
        self._plan = plan
        self._generator = torch.Generator().manual_seed(plan.seed)
        self.done = 0.0
        self._hook = model.vision_model.embeddings.register_forward_hook(self._hide)

    def remove(self) -> None:
        """Let the model see everything again."""
        self._hook.remove()

    def _hide(self, _module: object, _inputs: object, embedded: Tensor) -> Tensor:
        if self.done >= self._plan.hidden_until:
            return embedded
        count, patches = embedded.shape[0], embedded.shape[1] - 1
        kept = round(patches * (1 - self._plan.hidden_share))
        order = torch.rand(count, patches, generator=self._generator).argsort(1)[:, :kept] + 1
        chosen = torch.cat([torch.zeros(count, 1, dtype=torch.int64), order], 1)
        return embedded.gather(1, chosen.unsqueeze(2).expand(-1, -1, embedded.shape[2]))


class Schedule:
    """Tells how far training is, by steps or by the clock, and the learning rate's factor there."""

    def __init__(self, plan: Plan) -> None:
        """Start the clock."""
        self._plan = plan
        self._start = time.monotonic()
        self._step = 0

    def advance(self) -> float:
        """Count a step; give the share of training that is done, 0..1."""
        self._step += 1
        if self._plan.minutes is None:
            return min(1.0, self._step / self._plan.steps)
        return min(1.0, (time.monotonic() - self._start) / 60 / self._plan.minutes)

    @staticmethod
    def factor(done: float, *, warm_up: float = 0.06) -> float:
        """One cycle: a linear rise, then half a cosine down to a hundredth."""
        if done < warm_up:
            return 0.02 + 0.98 * done / warm_up
        return 0.01 + 0.99 * (1 + math.cos(math.pi * (done - warm_up) / (1 - warm_up))) / 2


def make_optimisers(model: CLIPModel, plan: Plan) -> list[torch.optim.Optimizer]:
    """Muon for the transformers' matrices, AdamW for everything else."""
    matrices: list[Tensor] = []
    others: list[Tensor] = []
    for name, weights in model.named_parameters():
        (matrices if ".layers." in name and weights.ndim == 2 else others).append(weights)
    decay, rate = plan.weight_decay, plan.learning_rate
    if not cpu_has_bf16():
        # Muon orthogonalises in bfloat16 always; emulated, that is four fifths of a step.
        _muon._zeropower_via_newtonschulz = _orthogonalise  # noqa: SLF001 -- it offers no other way
    return [
        torch.optim.Muon(matrices, lr=rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=rate, weight_decay=decay, betas=(0.9, 0.98)),
    ]


def _orthogonalise(
    gradient: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float
) -> Tensor:
    """Bring a matrix's singular values near 1 by Newton and Schulz's iteration, in its own precision."""
    a, b, c = coefficients
    tall = gradient.shape[0] > gradient.shape[1]
    found = gradient.T if tall else gradient
    found = found / found.norm().clamp(min=eps)
    for _ in range(steps):
        gram = found @ found.T
        found = torch.addmm(found, torch.addmm(gram, gram, gram, beta=b, alpha=c), found, beta=a)
    return found.T if tall else found


def train(
    model: CLIPModel, batches: Batches, plan: Plan, *, report: Callable[[CLIPModel, str], None]
) -> CLIPModel:
    """Train `model` and return its moving average; `report` gets that and a line now and then."""
    optimisers, schedule = make_optimisers(model, plan), Schedule(plan)
    average = copy.deepcopy(model).eval()
    dropout = PatchDropout(model, plan)
    step, done = 0, 0.0
    while done < 1.0:
        dropout.done = done
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = plan.learning_rate * schedule.factor(done)
        loss = _take_step(model, batches.draw(done), optimisers)
        step, done = step + 1, schedule.advance()
        _follow(average, model, decay=min(plan.average_decay, (1 + step) / (10 + step)))
        if step % 25 == 0 or done >= 1.0:
            report(average, f"step {step}  done {done:.3f}  loss {loss:.3f}")
    dropout.remove()
    return average


def _take_step(
    model: CLIPModel,
    batch: tuple[Tensor, dict[str, Tensor], Tensor],
    optimisers: Sequence[torch.optim.Optimizer],
) -> float:
    """Take one step of every optimiser; give the loss."""
    pixels, tokens, right = batch
    with torch.autocast("cpu", torch.bfloat16, enabled=cpu_has_bf16()):
        images = model.get_image_features(pixel_values=pixels).pooler_output
        texts = model.get_text_features(**tokens).pooler_output
    texts, images = functional.normalize(texts.float()), functional.normalize(images.float())
    loss = contrastive_loss(model.logit_scale.exp() * texts @ images.T, right)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimiser in optimisers:
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
    with torch.no_grad():
        model.logit_scale.clamp_(max=_LOGIT_SCALE_LIMIT)
    return float(loss.item())


@torch.no_grad()
def _follow(average: CLIPModel, model: CLIPModel, *, decay: float) -> None:
    """Move the average's weights towards the model's."""
    for mean, weights in zip(average.parameters(), model.parameters(), strict=True):
        mean.lerp_(weights, 1 - decay)
