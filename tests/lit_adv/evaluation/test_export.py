"""Exported adversarial examples: rounded, not cut, and the same to a judge when they are read back."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.images import Images
from lit_adv.cli import main
from lit_adv.errors import InputError
from lit_adv.evaluation.export import export
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.zoo.zoo import Zoo


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_answers_are_the_same_when_the_files_are_read_back(nmm: Path, zoo: Zoo, tmp_path: Path, capsys) -> None:
    out = tmp_path / "png"
    main(["export", str(nmm), "--png", str(out), "--zoo", str(zoo.path), "--epsilon", "0.1"])
    assert "of the files" in capsys.readouterr().out
    module = Images(out, out / "labels.csv", class_list=out / "classes.txt", channels=1, resize=None, crop=28, copies=1)
    selection = module.select()
    [judge] = zoo.judges
    with torch.inference_mode():
        answers = judge.load()(selection.images).argmax(1)
    rows = read(out / "labels.csv")
    assert [int(row[f"answer of {judge.name}"]) for row in rows] == answers.tolist()
    assert [int(row["label"]) for row in rows] == selection.labels.tolist() == PerturbationSet.load(nmm).label.tolist()


@pytest.mark.parametrize("scale", ["sign", "own"])
def test_pixels_are_clipped_and_rounded(scale: str, nmm: Path, tmp_path: Path) -> None:
    found = PerturbationSet.load(nmm)
    export(found, tmp_path, scale, epsilon=0.1)  # type: ignore[arg-type]
    step = 0.1 * found.perturbation.sign() if scale == "sign" else found.perturbation
    wanted = (255 * (found.image + step).clamp(0, 1)).numpy()
    for row, values in zip(read(tmp_path / "labels.csv"), wanted, strict=True):
        pixels = np.asarray(Image.open(tmp_path / row["file"])).astype(float)
        assert np.abs(pixels - values[0]).max() <= 0.5 + 1e-4


def test_what_is_there_is_not_written_over(nmm: Path, tmp_path: Path) -> None:
    found = PerturbationSet.load(nmm)
    export(found, tmp_path)
    with pytest.raises(InputError, match=r"labels\.csv already"):
        export(found, tmp_path)
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    (mixed / "mine.png").touch()
    with pytest.raises(InputError, match=r"mixed holds mine\.png already"):
        export(found, mixed)
    with pytest.raises(InputError, match="epsilon"):
        export(found, tmp_path / "other", epsilon=-1)
    assert not (tmp_path / "other").exists()
