"""Packaged configurations, by name.

`<data>-<setting>-<attack>` is put together from four files, the later ones overriding the earlier: `predict.yaml`,
`<data>.yaml`, `<data>-<attack>.yaml` (the thesis's parameters and noise), `<setting>.yaml`. With `-targeted` at the end
of the name `<data>-targeted.yaml` (which classes are attacked towards which) follows, and where it exists
`<data>-<attack>-targeted.yaml`. `<data>-test` is `test.yaml` and `<data>-test.yaml`, the ε of Eq. 4.3.
`<data>-zoo` is how `lit-adv fit` trains a zoo, `mnist-map` how it trains a map from images to averages.

`images`, the user's own, has ImageNet's data and attack files and then `images.yaml`, which puts its data module in the
place of ImageNet's. Likewise `fashionmnist` and `kmnist` have MNIST's.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from itertools import product
from pathlib import Path
from typing import Final

from lit_adv.data_sets import DATA_SETS, IMAGES
from lit_adv.errors import InputError

FOLDER: Final = Path(__file__).parent
SETTINGS: Final = ("sm", "nsm", "mm", "nmm")
ATTACKS: Final = ("bim", "cw", "deepfool", "square", "gradient")
LIKE: Final = {"fashionmnist": "mnist", "kmnist": "mnist", IMAGES: "imagenet"}
"""Data set that is attacked as another one is."""
ZOOS: Final = ("mnist", "cifar10", "fashionmnist", "kmnist", IMAGES)
"""Data sets with a configuration of `fit`."""
TARGETED: Final = ("bim", "cw", "square", "gradient")
STEPS_PARAMETERS: Final = {"bim": "steps", "cw": "steps", "deepfool": "steps", "square": "queries"}
"""Attack to its parameter for the number of steps or queries, which bounds the run time."""
DATA_MODULES: Final = {
    "mnist": "datamodules.mnist.MNIST",
    "cifar10": "datamodules.cifar10.CIFAR10",
    "imagenet": "datamodules.imagenet.ImageNet",
    "fashionmnist": "datamodules.like_mnist.FashionMNIST",
    "kmnist": "datamodules.like_mnist.KMNIST",
    IMAGES: "datamodules.images.Images",
}
"""Word after `--data` to the data module that it stands for."""
TRAINING_DATA: Final = {
    "mnist": "datamodules.mnist.MNISTTraining",
    "cifar10": "datamodules.cifar10.CIFAR10Training",
    "fashionmnist": "datamodules.like_mnist.FashionMNISTTraining",
    "kmnist": "datamodules.like_mnist.KMNISTTraining",
    IMAGES: "datamodules.training_images.ImagesTraining",
}
"""The same for `fit`."""


def packaged() -> dict[str, list[Path]]:
    """Every name and the files that it stands for, in order."""
    every = (*DATA_SETS, IMAGES)
    names = {f"{data}-test": ["test", f"{data}-test"] for data in every}
    names |= {f"{data}-zoo": [f"{data}-zoo"] for data in ZOOS} | {"mnist-map": ["mnist-map"]}
    for data, setting, attack in product(every, SETTINGS, ATTACKS):
        like = LIKE.get(data, data)
        files = [like, f"{like}-{attack}", *([data] if data in LIKE else [])]
        names[f"{data}-{setting}-{attack}"] = ["predict", *files, setting]
        if attack in TARGETED:
            names[f"{data}-{setting}-{attack}-targeted"] = [
                *names[f"{data}-{setting}-{attack}"],
                f"{data}-targeted",
                *(stem for stem in (f"{like}-{attack}-targeted",) if (FOLDER / f"{stem}.yaml").is_file()),
            ]
    return {name: [FOLDER / f"{stem}.yaml" for stem in stems] for name, stems in names.items()}


def expand(words: Sequence[str], modules: Mapping[str, str] = DATA_MODULES) -> list[str]:
    """Replaces packaged names after `--config` by the files they stand for, and data sets' after `--data` by classes.

    Args:
        words: of a command.
        modules: name of each data set to its class.

    Raises:
        InputError: the word is neither a packaged name nor a file.
    """
    expanded: list[str] = []
    rest = iter(words)
    for word in rest:
        if word in ("--config", "-c"):
            name = next(rest, "")
        elif word.startswith("--config="):
            name = word.removeprefix("--config=")
        else:
            after_data = bool(expanded) and expanded[-1] == "--data"
            option, sign, module = ("--data", "=", word[7:]) if word.startswith("--data=") else ("", "", word)
            known = after_data or sign
            expanded.append(f"{option}{sign}{modules.get(module, module)}" if known else word)
            continue
        for path in files_of(name):
            expanded += ["--config", str(path)]
    return expanded


def files_of(name: str) -> list[Path]:
    """The files that a configuration's name, or path, stands for.

    Raises:
        InputError: it is neither.
    """
    names = packaged()
    if name in names:
        return names[name]
    if Path(name).is_file():
        return [Path(name)]
    near = get_close_matches(name, names, n=3, cutoff=0.4)
    hint = f"did you mean {', '.join(near)}?" if near else f"packaged are {', '.join(sorted(names)[:3])} …"
    raise InputError(f"configuration {name!r} is neither a packaged name nor a file; {hint}")
