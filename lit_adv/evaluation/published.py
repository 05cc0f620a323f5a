"""The thesis's own figures, in percent, by data set, set and judge (Tables 4.3 and 4.4), and of people (4.8.2.2).

The judges have their names in pytorchcv; on MNIST, where everyone trains their own, the one is called `ANY`.
"""

from typing import Final

ANY: Final = "any"
"""Stands for every judge of a data set."""
SETS: Final = ("clean", "noise", "SM BIM", "SM CW", "SM DeepFool", "NMM BIM", "NMM CW", "NMM DeepFool")


def _table(**rows: tuple[float, ...]) -> dict[str, dict[str, float]]:
    return {name: {judge: figures[place] for judge, figures in rows.items()} for place, name in enumerate(SETS)}


def _recognized(judge: str, *figures: float) -> dict[str, dict[str, float]]:
    return {name: {judge: figure} for name, figure in zip(SETS[2:], figures, strict=True)}


RECOGNIZED: Final = {
    "mnist": _recognized(ANY, 18, 46, 17, 57, 44, 68),
    "cifar10": _recognized("pyramidnet110_a48_cifar10", 9, 7, 11, 68, 55, 19),
    "imagenet": _recognized("vgg16", 5.5, 4.5, 5.0, 56.0, 38.0, 38.0),
}
STRENGTH: Final = {
    "mnist": _table(**{ANY: (100, 88, 3, 56, 15, 0, 3, 0)}),
    "cifar10": _table(
        densenet40_k12_cifar10=(92, 77, 33, 52, 44, 13, 9, 34),
        diaresnet164bn_cifar10=(96, 90, 51, 72, 68, 31, 22, 56),
        pyramidnet110_a48_cifar10=(94, 79, 33, 53, 57, 18, 9, 39),
        resnet56_cifar10=(92, 80, 0, 14, 21, 21, 9, 40),
        mean=(94, 82, 39, 59, 56, 21, 12, 42),
    ),
    "imagenet": _table(
        bninception=(81.5, 81.5, 64.0, 77.0, 68.0, 16.5, 22.0, 15.0),
        densenet121=(83.5, 83.5, 58.5, 77.5, 66.5, 10.5, 16.5, 13.0),
        vgg16=(79.0, 79.0, 67.5, 76.5, 70.5, 12.5, 20.5, 17.5),
        resnet50=(83.0, 83.0, 0.0, 7.0, 4.5, 13.0, 18.5, 14.0),
        mean=(81.8, 81.8, 63.3, 77.0, 68.3, 13.2, 19.7, 15.2),
    ),
}
HUMANS: Final = {"imagenet": {"NMM BIM": 80.7}}
"""Section 4.8.2.2: right answers of 48 subjects, the best and the worst of each group of 12 left out."""
