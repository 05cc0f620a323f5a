"""Several models as one, the usual baseline of transfer attacks beside the average of their perturbations (Eq. 4.1)."""

from collections.abc import Callable, Sequence
from typing import Final, Literal

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from lit_adv.errors import InputError
from lit_adv.logits import call, logits_of

Model = Callable[[Tensor], Tensor]
Fusion = Literal["logits", "probabilities", "losses"]
FUSIONS: Final[tuple[Fusion, ...]] = ("logits", "probabilities", "losses")


class Ensemble(nn.Module):
    """The mean of models' logits, probabilities or losses, as the logits of one model (Dong et al. 2018, 3.2).

    A gradient of it holds the graph of one model at a time: the others' outputs are computed without, and again when
    the gradient comes to them (gradient checkpointing; Chen et al. 2016). So it takes the memory of one model, and a
    second forward pass of each.

    Args:
        models: functions from images `[B, C, H, W]` to logits `[B, K]`, two or more.
        fusion: `logits`: mean of f_i; `probabilities`: log of the mean of softmax f_i; `losses`: mean of log softmax
            f_i, and the logarithm of what its exponentials lack to 1 as the logit of one more class, so that the
            cross-entropy of any label is the mean of the models' own.

    Raises:
        InputError: there are fewer than two models, or the fusion is unknown.

    Example:
        >>> one, other = (lambda x, s=s: s * x.flatten(1)[:, :3] for s in (1.0, 3.0))
        >>> Ensemble([one, other])(torch.tensor([[[[0.1, 0.2], [0.3, 0.4]]]]))
        tensor([[0.2000, 0.4000, 0.6000]])
    """

    def __init__(self, models: Sequence[Model], fusion: Fusion = "logits") -> None:
        super().__init__()
        if len(models) < 2:
            raise InputError(f"an ensemble of {len(models)} models is none; give two or more")
        if fusion not in FUSIONS:
            raise InputError(f"fusion is {fusion}; it must be one of {', '.join(FUSIONS)}")
        self.members = tuple(models)
        self.modules_of_members = nn.ModuleList(model for model in models if isinstance(model, nn.Module))
        self.fusion = fusion
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Returns logits `[B, K]`, or of losses `[B, K + 1]`, of images `[B, C, H, W]`."""
        total: Tensor | None = None
        for model in self.members:
            given = (
                checkpoint(self._of_one, model, x, use_reentrant=False) if x.requires_grad else self._of_one(model, x)
            )
            assert isinstance(given, Tensor)
            total = given if total is None else self._joined(total, given)
        assert total is not None
        count = torch.tensor(float(len(self.members)), dtype=total.dtype, device=total.device)
        if self.fusion == "probabilities":
            return total - count.log()
        mean = total / count
        if self.fusion == "logits":
            return mean
        lacking = 1 - mean.exp().sum(1, keepdim=True)  # 0 or more, by Hölder's inequality
        return torch.cat([mean, lacking.clamp_min(torch.finfo(mean.dtype).tiny).log()], 1)

    def _of_one(self, model: Model, x: Tensor) -> Tensor:
        logits = logits_of(call(model, x), len(x))
        return logits if self.fusion == "logits" else logits.log_softmax(1)

    def _joined(self, total: Tensor, given: Tensor) -> Tensor:
        return torch.logaddexp(total, given) if self.fusion == "probabilities" else total + given
