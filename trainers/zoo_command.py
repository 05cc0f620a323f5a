"""What `scripts/train_mnist_zoo.py` takes from its command line."""

from pathlib import Path

from datamodules.mnist import Source
from trainers.zoo_runner import Recipe, train_zoo

EPOCHS = {"digits": 6, "torchvision": 3, "folder": 3}


def train_mnist_zoo(
    out: Path,
    count: int = 101,
    source: Source = "digits",
    root: Path | None = None,
    seed: int = 0,
    width: int = 8,
    epochs: int | None = None,
    batch_size: int = 64,
    learning_rate: float = 0.1,
    weight_decay: float = 5e-4,
    processes: int | None = None,
) -> None:
    """Trains VGG-16-like MNIST models from different initialisations; continues where it stopped.

    Args:
        out: the zoo's folder.
        count: how many models it shall have: one test model, which is never attacked, and count - 1 sources.
        source: digits (5,000, embedded), torchvision (downloads MNIST into root) or folder (idx files in root).
        root: the data's folder.
        seed: of the zoo.
        width: channels of the first layer; VGG-16 itself has 64.
        epochs: passes over the training digits; left out, 6 for digits and 3 for the full training set.
        batch_size: digits in a training step.
        learning_rate: the peak of the one-cycle schedule.
        weight_decay: of SGD.
        processes: how many models train side by side; left out, one for each GPU, else one for each core.
    """
    recipe = Recipe(
        source=source,
        seed=seed,
        width=width,
        epochs=epochs if epochs is not None else EPOCHS[source],
        batch_size=batch_size,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
    )
    zoo = train_zoo(recipe, count, root, out, processes)
    accuracies = [spec.accuracy for spec in zoo.models]
    worst, best = 100 * min(accuracies), 100 * max(accuracies)
    print(f"zoo {out}: {len(accuracies)} models, test accuracy {worst:.2f} to {best:.2f} %")
