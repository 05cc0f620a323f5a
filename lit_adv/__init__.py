"""lit-adv: the human-recognizable information hidden in adversarial perturbations.

Its names are loaded when they are first used, so that importing the package takes no time.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lit_adv.attacks import BIM, CW, SVRE, Attack, DeepFool, Gradient, Map, Square, TransferBIM
    from lit_adv.embedded_digits import digits
    from lit_adv.evaluation.evaluate import evaluate
    from lit_adv.figures.gallery import gallery
    from lit_adv.figures.maps import maps
    from lit_adv.perturbations.average import average
    from lit_adv.perturbations.perturb import perturb
    from lit_adv.perturbations.perturbation_set import PerturbationSet
    from lit_adv.zoo.zoo import Zoo

__version__ = "0.3.0"

_PLACES = {
    "Attack": "lit_adv.attacks",
    "BIM": "lit_adv.attacks",
    "CW": "lit_adv.attacks",
    "DeepFool": "lit_adv.attacks",
    "Gradient": "lit_adv.attacks",
    "Map": "lit_adv.attacks",
    "PerturbationSet": "lit_adv.perturbations.perturbation_set",
    "SVRE": "lit_adv.attacks",
    "Square": "lit_adv.attacks",
    "TransferBIM": "lit_adv.attacks",
    "Zoo": "lit_adv.zoo.zoo",
    "average": "lit_adv.perturbations.average",
    "digits": "lit_adv.embedded_digits",
    "evaluate": "lit_adv.evaluation.evaluate",
    "gallery": "lit_adv.figures.gallery",
    "maps": "lit_adv.figures.maps",
    "perturb": "lit_adv.perturbations.perturb",
}

__all__ = [
    "BIM",
    "CW",
    "SVRE",
    "Attack",
    "DeepFool",
    "Gradient",
    "Map",
    "PerturbationSet",
    "Square",
    "TransferBIM",
    "Zoo",
    "__version__",
    "average",
    "digits",
    "evaluate",
    "gallery",
    "maps",
    "perturb",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return __all__
