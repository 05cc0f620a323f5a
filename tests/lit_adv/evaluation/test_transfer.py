"""The transfer table: its shares are counted by hand, its files say the same."""

import csv
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lit_adv.cli import main
from lit_adv.errors import InputError
from lit_adv.evaluation.transfer import gradients, transfer
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.zoo.zoo import Zoo
from tests.helpers import TINY, predict


@pytest.fixture(scope="module")
def sets(zoo: Zoo, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """An average, and a momentum attack on one model."""
    folders = [tmp_path_factory.mktemp(name) for name in ("average", "momentum")]
    predict("mnist-nmm-bim", zoo, folders[0], *TINY, "--data.copies", "2", "--model.attack.steps", "3")
    attack = ["--model.attack", "lit_adv.attacks.TransferBIM", "--model.attack.epsilon", "0.2"]
    own = ["--model.attack.steps", "3", "--model.attack.momentum", "1", "--model.attack.scales", "2"]
    predict("mnist-sm-bim", zoo, folders[1], *TINY, *attack, *own)
    return folders


def test_shares_are_counted(sets: list[Path], zoo: Zoo) -> None:
    found = PerturbationSet.load(sets[0])
    judges = {spec.name: spec.load() for spec in zoo.judges}
    row = transfer(found, judges, epsilon=0.25)
    [judge] = judges.values()

    def answers(x: Tensor) -> Tensor:
        with torch.inference_mode():
            return judge(x).argmax(1)

    attacked = found.image + 0.25 * found.perturbation.sign()
    wrong, clean = answers(attacked) != found.label, answers(found.image) == found.label
    assert row.of_all.value == pytest.approx(float(wrong.double().mean()))
    assert row.of_right.value == pytest.approx(float(wrong[clean].double().mean()))
    bits = (attacked.clamp(0, 1) * 255).round() / 255
    assert row.rounded.value == pytest.approx(float((answers(bits) != found.label).double().mean()))
    assert row.linf == pytest.approx(0.25, abs=1e-6)
    assert row.more_than(row).value == 0


def test_gradients_are_those_of_all_perturbations(sets: list[Path]) -> None:
    assert [gradients(PerturbationSet.load(folder)) for folder in sets] == [3 * 3 * 2, 3 * 2]


def test_the_command_writes_tables_and_a_picture(sets: list[Path], zoo: Zoo, tmp_path: Path, capsys) -> None:
    main(["transfer", *map(str, sets), "--zoo", str(zoo.path), "--out", str(tmp_path)])
    assert "transfer to other models" in capsys.readouterr().out
    with (tmp_path / "transfer.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["set"], row["gradients"]) for row in rows] == [("NMM BIM", "18"), ("SM TransferBIM", "6")]
    assert all(float(row["of all low"]) <= float(row["of all"]) <= float(row["of all high"]) for row in rows)
    text = (tmp_path / "transfer.tex").read_text(encoding="utf-8")
    assert text.count(r"\\") == 3
    assert "\\%" in text
    assert (tmp_path / "transfer.md").read_text(encoding="utf-8").startswith("| set | models |")
    assert (tmp_path / "transfer.png").read_bytes().startswith(b"\x89PNG")


def test_wrong_input_is_one_line(sets: list[Path], zoo: Zoo, tmp_path: Path, capsys) -> None:
    other = tmp_path / "other"
    predict("mnist-sm-gradient", zoo, other, *TINY, "--data.per_class", "2")
    for words, message in (([*map(str, sets), str(other)], "different images"), ([str(tmp_path)], "no finished")):
        capsys.readouterr()
        with pytest.raises(SystemExit):
            main(["transfer", *words, "--zoo", str(zoo.path), "--out", str(tmp_path / "out")])
        assert message in capsys.readouterr().err
    with pytest.raises(InputError, match="no judge"):
        transfer(PerturbationSet.load(sets[0]), {})
    assert not (tmp_path / "out").exists()
