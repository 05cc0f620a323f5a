"""Pictures that held-out models classify instead of perturbations, and their answers (thesis 4.8.2, Table 4.3)."""

from torch import Tensor, take_along_dim

from lit_adv.data_sets import IMAGENET_MEAN, IMAGENET_STD, DataSet
from lit_adv.perturbations.rendering import matched


def judge_input(perturbation: Tensor, data: DataSet, targeted: bool = False) -> Tensor:
    """Returns the pictures that a judge classifies.

    −δ (targeted: δ). Digits become 1 where it is above 0, and else 0. In other data sets it is scaled linearly, so that
    each channel has ImageNet's mean and standard deviation, and then multiplied by the data set's `judge_scale`.

    Args:
        perturbation: δ `[N, C, H, W]`.
        data: the data set.
        targeted: whether δ comes from a targeted attack.

    Returns:
        `[N, C, H, W]`, not clipped.
    """
    picture = perturbation if targeted else -perturbation
    if data.judge_scale is None:
        return (picture > 0).to(picture.dtype)
    return data.judge_scale * matched(picture, IMAGENET_MEAN, IMAGENET_STD)


def judge_input_in_words(data: DataSet) -> str:
    """Returns the rule of `judge_input` for the reader of a table."""
    if data.judge_scale is None:
        return "1 where above 0, else 0"
    return f"each channel given ImageNet's mean and standard deviation, times {data.judge_scale}"


def predicted_class(logits: Tensor, classes: Tensor | None) -> Tensor:
    """Returns the class `[N]` with the largest logit of `[N, K]`; of `classes` `[k]` only, where these are given."""
    if classes is None:
        return logits.argmax(1)
    return classes[take_along_dim(logits, classes.expand(len(logits), -1), 1).argmax(1)]


def by_class(answers: Tensor, labels: Tensor) -> list[tuple[int, float, int]]:
    """Returns class, share of its images that are answered right, and their number, in the order of the classes.

    Args:
        answers: `[N]`.
        labels: `[N]`.
    """
    right = answers == labels
    return [
        (int(label), float(right[labels == label].double().mean()), int((labels == label).sum()))
        for label in labels.unique()
    ]
