"""Packaged names stand for files that exist; others are refused with the near ones."""

from pathlib import Path

import pytest

from lit_adv.configs import expand, packaged
from lit_adv.errors import InputError


def test_every_name_has_its_files() -> None:
    assert set(packaged()) == {f"mnist-{s}-{a}" for s in ("sm", "nsm", "mm", "nmm") for a in ("bim", "gradient")} | {
        "mnist-test"
    }
    assert all(path.is_file() for files in packaged().values() for path in files)


def test_expansion_keeps_order_and_other_words(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.touch()
    words = expand(["predict", "--config", "mnist-mm-bim", f"--config={own}", "--out", "x"])
    assert [Path(w).name for w in words] == [
        "predict", "--config", "predict.yaml", "--config", "mnist.yaml", "--config", "mnist-bim.yaml",
        "--config", "mm.yaml", "--config", "own.yaml", "--out", "x",
    ]  # fmt: skip


def test_unknown_name() -> None:
    with pytest.raises(InputError, match=r"'mnist-nnm-bim' .* did you mean .*mnist-nmm-bim"):
        expand(["predict", "--config", "mnist-nnm-bim"])
