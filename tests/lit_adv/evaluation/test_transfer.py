"""The transfer table: its shares are counted by hand, its files say the same."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

import lit_adv
from lit_adv.cli import main
from lit_adv.errors import InputError
from lit_adv.evaluation.crossing import judges_of_all
from lit_adv.evaluation.shown import Averages
from lit_adv.evaluation.transfer import Transfer, gradients, transfer, transfer_table
from lit_adv.figures.transfer import comma_separated
from lit_adv.models.ensemble import Ensemble
from lit_adv.models.fingerprint import fingerprint
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


def test_an_ensemble_takes_the_gradients_of_its_members(zoo: Zoo, tmp_path: Path) -> None:
    images, labels = lit_adv.digits(per_class=1)
    whole = Ensemble([spec.load() for spec in zoo.sources])
    for name, attack, number in (
        ("bim", lit_adv.BIM(epsilon=0.1, steps=4), 3 * 4),
        ("svre", lit_adv.SVRE(epsilon=0.1, steps=1, inner=2, members=3), 3 + 2 * 2),
    ):
        lit_adv.average([whole], images, labels, attack, out=tmp_path / name)
        found = PerturbationSet.load(tmp_path / name)
        assert gradients(found) == number
        assert len(found.manifest.sources[0].members) == 3
    assert Averages(found).shown_as_white_box(fingerprint(whole.members[1]))


def test_judges_are_of_the_same_data_and_were_not_attacked(sets: list[Path], zoo: Zoo) -> None:
    found = [PerturbationSet.load(folder) for folder in sets]
    assert [*judges_of_all(zoo, found)] == [spec.name for spec in zoo.judges]
    [judge] = zoo.judges
    others = replace(judge, training={"recipe": {"data": "kmnist"}})
    with pytest.raises(InputError, match="kmnist"):
        judges_of_all(replace(zoo, models=(others,)), found)
    attacked = tuple(replace(spec, role="test") for spec in zoo.sources)
    with pytest.raises(InputError, match="no test model that was not attacked for any of 2 sets"):
        judges_of_all(replace(zoo, models=attacked), found)
    assert [*judges_of_all(replace(zoo, models=(*attacked, judge)), found)] == [judge.name]


def test_gradients_are_unknown_where_the_attack_cannot_be_made_again(sets: list[Path]) -> None:
    found = PerturbationSet.load(sets[0])
    attack = found.manifest.attack
    for other in (replace(attack, name="Own"), replace(attack, parameters={**attack.parameters, "newer": 1})):
        assert gradients(replace(found, manifest=replace(found.manifest, attack=other))) is None


def test_intervals_of_ratios_hold_the_truth() -> None:
    """Judges that are wrong about half of the clean images, and fooled in 97 % of what they had right."""
    generator, held, widths = torch.Generator().manual_seed(0), 0, []
    for _ in range(300):
        clean, wrong = (torch.rand(2, 100, generator=generator) < share for share in (0.5, 0.97))
        share = row_of(clean, wrong).of_right
        assert share is not None
        held += share.low <= 0.97 <= share.high
        widths.append(share.high - share.low)
    assert held > 0.9 * 300
    assert sum(widths) / 300 < 0.09


def test_judges_that_are_never_right_have_no_share_of_what_was_right() -> None:
    nobody = torch.zeros(3, 10, dtype=torch.bool)
    assert row_of(nobody, ~nobody).of_right is None
    some = nobody.clone()
    some[1, :4] = True
    share = row_of(some, ~nobody).of_right
    assert share is not None
    assert share.value == 1.0
    row = row_of(nobody, ~nobody)
    assert transfer_table([row], ["x"]).rows[0][6] == ""
    assert ",,," in comma_separated([row], ["x"])


def row_of(clean: Tensor, wrong: Tensor) -> Transfer:
    return Transfer(
        name="x", targeted=False, models=1, gradients=None, linf=0.1, l2=1.0, clean=clean, wrong=wrong,
        wrong_rounded=wrong,
    )  # fmt: skip


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
    for words, message in (
        ([*map(str, sets), str(other)], "different images"),
        ([str(tmp_path)], "no finished"),
        ([str(sets[0])] * 2, "given twice"),
    ):
        capsys.readouterr()
        with pytest.raises(SystemExit):
            main(["transfer", *words, "--zoo", str(zoo.path), "--out", str(tmp_path / "out")])
        assert message in capsys.readouterr().err
    with pytest.raises(InputError, match="no judge"):
        transfer(PerturbationSet.load(sets[0]), {})
    assert not (tmp_path / "out").exists()
