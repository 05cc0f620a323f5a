"""Everything that is known of a data set: those of `DATA_SETS`, and images of the user's own."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import prod
from pathlib import Path
from typing import Final, Literal

CLASS_LIST: Final = Path(__file__).parent / "imagenet_classes.csv"
"""The thesis's 20 classes and those of its targeted pairs: index among the 1000, wnid, name."""
LARGE: Final = 100_000
"""Values of an image from which on partial sums of averages no longer fit into memory beside everything else."""


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """One data set; all pixel values in [0, 1].

    Attributes:
        name: on the command line, in configurations and in manifests.
        image_shape: `(C, H, W)` as the datamodule gives it.
        classes: K.
        class_names: gives the K names by class number.
        mean: of its pixels, one for each channel.
        std: likewise.
        input_mean: subtracted from the pixels before they enter a network, unless a zoo says otherwise.
        input_std: divides them thereafter.
        epsilon: ε of Eq. 4.3, by which the strength of attacks is measured (thesis 4.8.3).
        judge_scale: factor of the perturbations that judges see, after they are matched to ImageNet (thesis 4.8.2);
            None if judges see 1 where they are above 0, and else 0.
        answers_among_its_classes: whether judges of perturbations choose among the classes of the set only.
        targeted_peak: largest magnitude of a targeted perturbation that is added to its image for show (thesis 4.6.6).
        noise_draws: images of pure noise that each judge classifies (thesis 5.4).
        object_from: source of the objects' masks: the digit's `ink`, mask `files`, or None where objects are unknown.
        photographs: folder of the images where these are files of the user's.
        vanishing_class: class whose perturbations are shown in Figure 5.9; None for the one recognized most.
        fast_sigma: σ of quick runs of NSM and NMM; None for the configuration's.
    """

    name: str
    image_shape: tuple[int, int, int]
    classes: int
    class_names: Callable[[], tuple[str, ...]]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    input_mean: tuple[float, ...]
    input_std: tuple[float, ...]
    epsilon: float
    judge_scale: float | None
    answers_among_its_classes: bool = False
    targeted_peak: float
    noise_draws: int
    object_from: Literal["ink", "files"] | None = None
    photographs: Path | None = None
    vanishing_class: str | None = None
    fast_sigma: float | None = None

    @property
    def is_large(self) -> bool:
        """Whether runs that keep partial sums need many times the memory of others."""
        return prod(self.image_shape) > LARGE


@cache
def class_table() -> dict[str, tuple[int, str]]:
    """Name to class index and wnid, of the packaged classes."""
    with CLASS_LIST.open(newline="") as file:
        return {row["name"]: (int(row["index"]), row["wnid"]) for row in csv.DictReader(file)}


def imagenet_names() -> tuple[str, ...]:
    """torchvision's names of ImageNet's 1000 classes; the packaged classes have the thesis's names."""
    from torchvision.models import ResNet18_Weights

    names = list(ResNet18_Weights.DEFAULT.meta["categories"])
    for name, (number, _) in class_table().items():
        names[number] = name.replace("_", " ")
    return tuple(names)


DIGITS: Final = tuple(map(str, range(10)))
CIFAR10: Final = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CLOTHES: Final = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
KANA: Final = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
IMAGENET_STD: Final = (0.229, 0.224, 0.225)

MNIST: Final = DataSet(
    name="mnist",
    image_shape=(1, 28, 28),
    classes=10,
    class_names=lambda: DIGITS,
    mean=(0.1307,),
    std=(0.3081,),
    input_mean=(0.0,),
    input_std=(1.0,),
    epsilon=0.2,
    judge_scale=None,
    targeted_peak=1.0,
    noise_draws=100,
    object_from="ink",
    fast_sigma=0.4,  # averages of fewer perturbations than the thesis's need more noise
)

DATA_SETS: Final = {
    data.name: data
    for data in (
        MNIST,
        DataSet(
            name="cifar10",
            image_shape=(3, 32, 32),
            classes=10,
            class_names=lambda: CIFAR10,
            mean=(0.4914, 0.4822, 0.4465),
            std=(0.2470, 0.2435, 0.2616),
            input_mean=(0.4914, 0.4822, 0.4465),
            input_std=(0.2023, 0.1994, 0.2010),  # pytorchcv's: the mean of the images' own deviations
            epsilon=0.03,
            judge_scale=0.05,
            targeted_peak=0.5,
            noise_draws=100,
            vanishing_class="cat",
        ),
        DataSet(
            name="imagenet",
            image_shape=(3, 224, 224),
            classes=1000,
            class_names=imagenet_names,
            mean=IMAGENET_MEAN,
            std=IMAGENET_STD,
            input_mean=IMAGENET_MEAN,
            input_std=IMAGENET_STD,
            epsilon=0.02,
            judge_scale=0.5,
            answers_among_its_classes=True,
            targeted_peak=0.5,
            noise_draws=1000,
            object_from="files",
            photographs=Path("data/imagenet/val"),
        ),
        replace(MNIST, name="fashionmnist", class_names=lambda: CLOTHES, mean=(0.2860,), std=(0.3530,)),
        replace(MNIST, name="kmnist", class_names=lambda: KANA, mean=(0.1918,), std=(0.3483,)),
    )
}

IMAGES: Final = "images"
"""Name of a data set of the user's own images."""
SMALL_SIDE: Final = 64
"""Side length in pixels up to which own images in colour are treated as CIFAR-10's."""


def own_images(
    image_shape: Sequence[int],
    classes: Literal["imagenet"] | Sequence[str],
    mean: Sequence[float],
    std: Sequence[float],
) -> DataSet:
    """Returns the data set of a user's own images, shown and judged as the most similar one of the thesis.

    Images of one channel are treated as MNIST's, small ones in colour as CIFAR-10's, large ones as ImageNet's.

    Args:
        image_shape: `(C, H, W)`.
        classes: names of the K classes by number, or `imagenet` for ImageNet's 1000.
        mean: mean of the images' pixels, one for each channel.
        std: their standard deviation, likewise.
    """
    channels, height, width = image_shape
    similar = "mnist" if channels == 1 else "cifar10" if max(height, width) <= SMALL_SIDE else "imagenet"
    imagenet = DATA_SETS["imagenet"]
    names = tuple(classes)
    return replace(
        DATA_SETS[similar],
        name=IMAGES,
        image_shape=(channels, height, width),
        classes=imagenet.classes if classes == "imagenet" else len(names),
        class_names=imagenet.class_names if classes == "imagenet" else lambda: names,
        mean=tuple(mean),
        std=tuple(std),
        input_mean=(0.0,) * channels,
        input_std=(1.0,) * channels,
        answers_among_its_classes=classes == "imagenet",
        object_from="files",
        photographs=None,
        vanishing_class=None,
        fast_sigma=None,
    )
