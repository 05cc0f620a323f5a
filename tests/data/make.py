"""Makes the weights that tests compare on: `python -m tests.data.make`.

They are trained once and kept, in half precision, since training ends elsewhere on each processor.
"""

import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn import functional

from datamodules.labelled import Labelled
from datamodules.mnist import embedded_digits
from lit_adv.files import read_json, sha256, write_json
from tests.helpers import DIGITS_NETWORK, TINY_RECIPE, TINY_ZOO, digits_network, shrunk
from trainers.mnist_zoo import mnist_models
from trainers.zoo_runner import train_zoo


def make_zoo() -> None:
    """A test model and three sources, two channels wide."""
    shutil.rmtree(TINY_ZOO, ignore_errors=True)
    zoo = train_zoo(TINY_RECIPE, mnist_models(4, width=2), embedded_digits, TINY_ZOO, processes=1)
    digits = embedded_digits()
    for spec in zoo.models:
        network = spec.load().half()
        save_file(network.state_dict(), spec.file())
        right = (network.float()(digits.test_images).argmax(1) == digits.test_labels).float().mean().item()
        manifest = TINY_ZOO / f"{spec.name}.json"
        content = read_json(manifest)
        content["training"]["accuracy"] = round(right, 4)
        write_json(manifest, {**content, "checksum": f"sha256:{sha256(TINY_ZOO / f'{spec.name}.safetensors')}"})
    shutil.rmtree(TINY_ZOO / "unfinished")


def make_network(digits: Labelled) -> None:
    """Trains `digits_network` on 0.25 + digit/2 for four epochs."""
    torch.manual_seed(0)
    images, labels = shrunk(digits.train_images), digits.train_labels
    model = digits_network()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(4):
        for batch in torch.randperm(len(labels)).split(50):
            optimizer.zero_grad()
            functional.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()
    save_file(model.half().state_dict(), DIGITS_NETWORK)


if __name__ == "__main__":
    make_zoo()
    make_network(embedded_digits())
    print(f"written below {Path(__file__).parent}")
