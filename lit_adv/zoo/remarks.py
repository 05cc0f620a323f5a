"""What a run says of its models before it begins."""

from collections.abc import Iterable

from lit_adv.logits import first_few
from lit_adv.zoo.model_spec import ModelSpec

NAMED = 3
"""Most models that a line names."""


def library_inputs(specs: Iterable[ModelSpec]) -> list[str]:
    """Returns a line for the models of one input, where torchvision or timm says size, mean and standard deviation."""
    alike: dict[str, list[str]] = {}
    for spec in specs:
        if spec.library in ("torchvision", "timm"):
            side = spec.size or spec.image_shape[1]
            mean, std = (", ".join(f"{value:.4g}" for value in values) for values in (spec.mean, spec.std))
            alike.setdefault(f"{side} px, mean {mean}, std {std} ({spec.library})", []).append(spec.architecture)
    return [f"{first_few(names, NAMED)}: {what}" for what, names in alike.items()]
