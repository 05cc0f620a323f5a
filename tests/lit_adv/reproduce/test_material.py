"""Sets are found, refused or asked for by the right words."""

from pathlib import Path

import pytest

from lit_adv.errors import InputError
from lit_adv.reproduce.material import Material


def words(name: str, **more: object) -> list[str]:
    return Material(data="mnist", zoo=Path("z"), out=Path("o"), **more).words_of(name)  # type: ignore[arg-type]


PLAIN = ["--zoo", "z", "--trainer.devices", "1"]


def test_words_of_plain_and_targeted_sets() -> None:
    assert words("mm-cw") == ["--config", "mnist-mm-cw", *PLAIN]
    assert words("nmm-cw-targeted") == ["--config", "mnist-nmm-cw-targeted", *PLAIN]


def test_words_of_variants_come_after_those_of_the_user() -> None:
    user = ["--data.per_class", "5"]
    clipped = ["--config", "mnist-nmm-bim", *PLAIN, *user, "--model.attack.clip", "[0, 1]"]
    assert words("nmm-bim-clipped", words=user) == clipped
    swept = ["--config", "mnist-nsm-bim", *PLAIN, *user, "--data.per_class", "1", "--data.sigma", "0.3"]
    assert words("nsm-bim-sigma-0.3", words=user) == swept


def test_shorter_attacks_and_fewer_copies() -> None:
    steps = {"bim": 10, "square": 100}
    assert words("sm-bim", steps=steps, fast=True)[-2:] == ["--model.attack.steps", "10"]
    assert words("sm-square", steps=steps)[-2:] == ["--model.attack.queries", "100"]
    assert words("nmm-cw", steps=steps, fast=True)[-4:] == ["--data.copies", "5", "--data.sigma", "0.4"]


def test_another_set_in_the_folder_is_refused(material: Material) -> None:
    (material.out / "sets" / "nmm-square-clipped").symlink_to(material.folder("nmm-square"))
    (material.out / "sets" / "nsm-bim-sigma-0.7").symlink_to(material.folder("nsm-bim-sigma-0.3"))
    for name in ("nmm-square-clipped", "nsm-bim-sigma-0.7"):
        with pytest.raises(InputError, match="holds another set"):
            material.set(name)


def test_sets_of_different_images_are_not_compared(material: Material) -> None:
    with pytest.raises(InputError, match="different images"):
        material.same_images(["nmm-bim", "nsm-bim-sigma-0.3"])


@pytest.mark.parametrize(
    ("given", "folder"),
    [([], "data/imagenet/val"), (["--data.root", "a/b"], "a/b"), (["--data.grey", "true", "--data.root=c"], "c")],
)
def test_where_the_images_are(given: list[str], folder: str) -> None:
    material = Material(data="imagenet", zoo=Path("z"), out=Path("o"), words=given)
    assert material._image_folder() == Path(folder)


def test_epsilon_is_that_of_the_test() -> None:
    found = {
        data: Material(data=data, zoo=Path("z"), out=Path("o")).epsilon for data in ("mnist", "cifar10", "imagenet")
    }
    assert found == {"mnist": 0.2, "cifar10": 0.03, "imagenet": 0.02}
