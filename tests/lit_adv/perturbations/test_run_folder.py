"""A run's folder is begun, continued, refused or begun anew; no Lightning, no attack."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from lit_adv.errors import AlreadyDone, InputError
from lit_adv.perturbations.cell_sums import SUMS
from lit_adv.perturbations.manifest import AttackRecord, DataRecord, Manifest
from lit_adv.perturbations.partial_sums import State, save_state
from lit_adv.perturbations.perturbation_set import EVALUATION, MANIFEST, TENSORS, PerturbationSet
from lit_adv.perturbations.run_folder import RunFolder, Start
from lit_adv.perturbations.source_records import SourceRecord

RUN = Manifest(
    setting="MM",
    attack=AttackRecord("BIM", {"steps": 10}),
    data=DataRecord("mnist", images=(3, 1)),
    sources=tuple(SourceRecord(name, f"sha256:{name}") for name in "abc"),
    device="cpu",
    torch="2.14.1",
)
OTHER = replace(RUN, attack=AttackRecord("BIM", {"steps": 20}))
GROWN = replace(RUN, groups=2, growth=True)


def state(*done: int, value: int = 1) -> State:
    """Sums over four batches."""
    return {
        "total": torch.full((2, 3), value * len(done)),
        "count": torch.full((2,), len(done)),
        "squares": torch.zeros((1, 0), dtype=torch.int64),
        "norms": torch.zeros((1, 0), dtype=torch.int64),
        "done": torch.tensor([int(number in done) for number in range(4)], dtype=torch.uint8),
        "checksum": torch.zeros(4, dtype=torch.int64),
        "zeros": torch.zeros(3, dtype=torch.int64),
    }


def begun(path: Path, *done: int, manifest: Manifest = RUN) -> RunFolder:
    """The folder of a run that has ended after some batches."""
    folder = RunFolder(path)
    start = folder.open(manifest, state())
    save_state(folder.state_file(start.number, 0), state(*done))
    folder.close()
    return folder


def finished(path: Path, manifest: Manifest = RUN) -> None:
    PerturbationSet(
        perturbation=torch.zeros(2, 1, 2, 2),
        image=torch.zeros(2, 1, 2, 2),
        label=torch.tensor([0, 1]),
        count=torch.tensor([3, 3]),
        manifest=manifest,
    ).save(path)


def opened(path: Path, manifest: Manifest = RUN, restart: bool = False, rho: float | None = None) -> Start:
    folder = RunFolder(path)
    try:
        return folder.open(manifest, state(), restart, rho)
    finally:
        folder.close()


def test_a_new_run(tmp_path: Path) -> None:
    number, done = opened(tmp_path)
    assert (number, done.tolist()) == (1, [False] * 4)
    assert json.loads((tmp_path / "partial" / "run.json").read_text()) == RUN.to_json()


def test_starts_go_on_where_earlier_ones_ended(tmp_path: Path) -> None:
    begun(tmp_path, 0, 2)
    assert opened(tmp_path) == (2, pytest.approx([True, False, True, False]))
    folder = begun(tmp_path, 1)
    assert opened(tmp_path).done.tolist() == [True, True, True, False]
    number = 4
    save_state(folder.state_file(number, 0), state(3))
    save_state(folder.state_file(number, 1), state())
    total = folder.added_up(number, 2, state())
    assert total["done"].tolist() == [1, 1, 1, 1]
    assert total["total"].tolist() == [[4] * 3] * 2


def test_a_missing_process_is_refused(tmp_path: Path) -> None:
    folder = begun(tmp_path, 0)
    with pytest.raises(InputError, match=r"start-1-process-1.safetensors is damaged"):
        folder.added_up(1, 2, state())


def test_one_start_at_a_time(tmp_path: Path) -> None:
    begun(tmp_path, 0)
    for restart in (False, True):
        with (
            FileLock(tmp_path / "partial" / "lock"),
            pytest.raises(InputError, match="another start of this run"),
        ):
            opened(tmp_path, restart=restart)
    assert opened(tmp_path).done.tolist() == [True, False, False, False]


def test_a_refused_start_leaves_the_folder_unlocked(tmp_path: Path) -> None:
    begun(tmp_path, 0)
    folder = RunFolder(tmp_path)
    with pytest.raises(InputError):
        folder.open(OTHER, state())
    assert opened(tmp_path).number == 2


@pytest.mark.parametrize(
    "manifest", [OTHER, replace(RUN, torch="9"), replace(RUN, device="cuda"), replace(RUN, seed=1)]
)
def test_another_unfinished_run_is_refused(tmp_path: Path, manifest: Manifest) -> None:
    begun(tmp_path, 0)
    with pytest.raises(InputError, match=r"a different unfinished run \(.* there, .* here\); choose another --out"):
        opened(tmp_path, manifest)
    assert opened(tmp_path, manifest, restart=True).done.tolist() == [False] * 4


def test_another_run_without_work_is_replaced(tmp_path: Path) -> None:
    begun(tmp_path)
    assert not opened(tmp_path, OTHER).done.any()
    assert json.loads((tmp_path / "partial" / "run.json").read_text())["attack"]["steps"] == 20


def test_growth_is_part_of_the_run(tmp_path: Path) -> None:
    assert RunFolder(tmp_path).options() == (None, False)
    folder = begun(tmp_path, 0, manifest=GROWN)
    assert folder.options() == (2, True)
    with pytest.raises(InputError, match="groups: 2 there, 1 here; growth: True there, False here"):
        opened(tmp_path)
    finished(tmp_path, RUN)
    folder.remove_partial()
    assert folder.options() == (1, False)


def test_a_run_that_stopped_goes_on_when_more_is_asked(tmp_path: Path) -> None:
    staged = replace(RUN, until={"models": 2, "copies": 3})
    begun(tmp_path, 0, 1, manifest=staged)
    finished(tmp_path, replace(staged, until={"models": 2, "copies": 3, "rho": 0.9, "reached": True}, copies=1))
    for rho in (0.8, 0.9):
        with pytest.raises(AlreadyDone, match="holds this perturbation set already"):
            opened(tmp_path, staged, rho=rho)
    assert opened(tmp_path, staged, rho=0.95).done.tolist() == [True, True, False, False]
    with pytest.raises(InputError, match=r"holds a different finished run \(.*until: "):
        opened(tmp_path, RUN)


def test_a_finished_set(tmp_path: Path) -> None:
    (tmp_path / "partial").mkdir()  # a crash kept it from being deleted
    finished(tmp_path, replace(RUN, torch="1.0", device="cuda"))
    with pytest.raises(AlreadyDone, match="holds this perturbation set already; nothing to do"):
        opened(tmp_path)
    assert not (tmp_path / "partial").exists()
    with pytest.raises(InputError, match=r"holds a different finished run \(attack.steps: 10 there, 20 here\)"):
        opened(tmp_path, OTHER)
    with pytest.raises(InputError, match=r"\(groups: 1 there, 2 here; growth: False there, True here\)"):
        opened(tmp_path, GROWN)


def test_a_finished_set_without_failed_models(tmp_path: Path) -> None:
    finished(tmp_path, RUN.without({1: "gives NaN"}))
    with pytest.raises(AlreadyDone, match="already, without b, which failed; --restart tries again"):
        opened(tmp_path)


def test_restart_deletes_what_is_there_and_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begun(tmp_path, 0)
    finished(tmp_path)
    for name in (SUMS, EVALUATION):
        (tmp_path / name).write_text("")
    capsys.readouterr()
    assert not opened(tmp_path, OTHER, restart=True).done.any()
    said = "a finished set (manifest.json, perturbations.safetensors, sums.safetensors, evaluation.json) and an "
    assert f"{tmp_path}: {said}unfinished run with 1 batches done (partial)" in capsys.readouterr().err
    assert not {MANIFEST, TENSORS, SUMS, EVALUATION} & {path.name for path in tmp_path.iterdir()}


def test_restart_of_damaged_sums(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = begun(tmp_path, 0)
    folder.state_file(1, 0).write_bytes(b"damaged")
    assert not opened(tmp_path, restart=True).done.any()
    assert "damaged sums of an unfinished run" in capsys.readouterr().err


def test_what_only_an_unfinished_run_needs_is_removed(tmp_path: Path) -> None:
    folder = begun(tmp_path, 0)
    assert folder.kept == f"what is done is kept in {tmp_path / 'partial'}"
    folder.remove_partial()
    assert not (tmp_path / "partial").exists()
    folder.remove_partial()
