"""Several models as one, the usual baseline of transfer attacks beside the average of their perturbations (Eq. 4.1)."""

from collections.abc import Callable, Sequence
from typing import Final, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from lit_adv.errors import InputError
from lit_adv.logits import call, logits_of, refuse_training

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
            cross-entropy of any label is the mean of the models' own. Its gradient is right while 1 − p of a class is a
            number of its type (log-odds up to 87 in float32).

    Raises:
        InputError: there are fewer than two models, the fusion is unknown, or a model is in training mode.

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
        for number, model in enumerate(models):
            refuse_training(model, f"model {number} of the ensemble")
        self.members = tuple(models)
        self.modules_of_members = nn.ModuleList(model for model in models if isinstance(model, nn.Module))
        self.fusion = fusion
        self.training = self.modules_of_members.training = False

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
        top = mean.argmax(1, keepdim=True)
        others = mean.exp().scatter(1, top, 0).sum(1, keepdim=True)
        lacking = -mean.gather(1, top).expm1() - others  # 0 or more, by Hölder's inequality
        return torch.cat([mean, lacking.clamp_min(torch.finfo(mean.dtype).tiny).log()], 1)

    def _of_one(self, model: Model, x: Tensor) -> Tensor:
        logits = logits_of(call(model, x), len(x))
        return logits if self.fusion == "logits" else log_probabilities(logits)

    def _joined(self, total: Tensor, given: Tensor) -> Tensor:
        return torch.logaddexp(total, given) if self.fusion == "probabilities" else total + given


def log_probabilities(logits: Tensor) -> Tensor:
    """Returns log softmax of logits `[B, K]`, exact also where the probability of the likeliest class rounds to 1.

    With f_t the highest logit and r the logarithm of the sum of the others' exponentials: −log(1 + e^(r − f_t)) for the
    likeliest class, and f_k − f_t more for class k.
    """
    top = logits.argmax(1, keepdim=True)
    highest = logits.gather(1, top)
    rest = logits.scatter(1, top, -torch.inf).logsumexp(1, keepdim=True)
    likeliest = -functional.softplus(rest - highest)
    return (logits - highest + likeliest).scatter(1, top, likeliest)  # by itself: its gradient would be lost in a sum
