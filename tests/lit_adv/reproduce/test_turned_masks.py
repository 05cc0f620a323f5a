"""Masks of photographs that a run has turned lie as the run read them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image

from lit_adv.errors import InputError
from lit_adv.perturbations.manifest import AttackRecord, DataRecord, Manifest
from lit_adv.perturbations.perturbation_set import PerturbationSet
from tests.lit_adv.reproduce.conftest import inputs_of


def test_a_set_of_turned_photographs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for folder in ("val/n1", "masks/n1"):
        (tmp_path / folder).mkdir(parents=True)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.fromarray(np.zeros((256, 300, 3), np.uint8)).save(tmp_path / "val/n1/a.JPEG", exif=exif)
    mask = np.zeros((256, 300), np.uint8)
    mask[:128] = 255
    Image.fromarray(mask).transpose(Image.Transpose.ROTATE_270).save(tmp_path / "masks/n1/a.png")
    inputs = inputs_of("imagenet", tmp_path / "zoo", tmp_path, tmp_path / "masks", words=["--data.root", "~/val"])
    one = torch.zeros(1, 3, 224, 224)

    def masks_of(details: dict[str, object]) -> torch.Tensor:
        data = DataRecord("imagenet", {"files": ["n1/a.JPEG"], **details})
        manifest = Manifest(setting="SM", attack=AttackRecord("BIM"), data=data)
        label = torch.zeros(1, dtype=torch.int64)
        made = PerturbationSet(perturbation=one, image=one, label=label, count=label + 1, manifest=manifest)
        return inputs.masked(made)[1]

    (found,) = masks_of({"turn": True})
    assert found[:, :112].eq(0).all()  # what is at the top of the file is at the right of the picture
    assert found[:, 112:].eq(1).all()
    with pytest.raises(InputError, match="give the mask of that image"):
        masks_of({})  # as older sets, which were read unturned
