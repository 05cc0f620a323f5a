"""How many models and copies are proposed for a reliability: against the formula, and for a real zoo."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_adv.cli import main
from lit_adv.cli.proposal import propose
from lit_adv.perturbations.outlook import Outlook
from lit_adv.zoo.zoo import Zoo
from tests.helpers import BIM


def outlook(common: float, model: float, copy: float, separable: bool = True) -> Outlook:
    one = np.ones(3)
    return Outlook(common=common * one, model=model * one, copy=copy * one, further=one, separable=separable)


@given(
    common=st.floats(0.01, 0.5), model=st.floats(0.01, 0.5), copy=st.floats(0.01, 0.9), rho=st.floats(0.3, 0.99),
    models=st.integers(2, 300), cost=st.floats(1e-3, 1e3),
)  # fmt: skip
def test_what_is_proposed_is_enough_and_hardly_more(
    common: float, model: float, copy: float, rho: float, models: int, cost: float
) -> None:
    expected = outlook(common, model, copy)
    found = propose(expected, rho, models, cost)
    if found is None:
        assert expected.rho(models, 10**6) < rho
        return
    assert found.models <= models
    assert expected.rho(found.models, found.copies) >= rho
    assert found.models == 1 or expected.rho(found.models - 1, found.copies) < rho or found.models == models


def test_models_that_load_slowly_get_more_copies() -> None:
    expected = outlook(0.1, 0.1, 0.8)
    copies = [found.copies for cost in (0.01, 1, 100) if (found := propose(expected, 0.9, 10**6, cost))]
    assert copies == [1, 3, 28]


def test_from_one_copy_only_models_are_proposed() -> None:
    known = outlook(0.1, 0, 0.9, separable=False)
    assert propose(known, 0.9, 100, 1) == (81, 1)
    assert propose(known, 0.9, 80, 1) is None


def test_a_proposal_for_a_zoo(zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--config", "mnist-nmm-bim", "--zoo", str(zoo.path), "--out", str(tmp_path), *BIM, "--plan"]
    with pytest.raises(SystemExit, match="0"):
        main(["predict", *words, "--until", "0.9"])
    said = capsys.readouterr().out
    assert "reliability, measured on 10 images, 3 models and 2 copies: " in said
    assert "for 0.9 on average: 3 models and" in said or "0.9 is out of reach of 3 models" in said
    assert not (tmp_path / "partial").exists()
