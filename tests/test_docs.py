"""README and docs/: every command in them parses, some of them run, every link leads somewhere."""

import re
import runpy
import shlex
import sys
import tomllib
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import yaml
from torch.utils.data import DataLoader, TensorDataset

import lit_adv
from lit_adv.cli import main
from lit_adv.cli.main import COMMANDS
from lit_adv.configs import ATTACKS, FOLDER, LIKE
from lit_adv.data_sets import DATA_SETS
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.zoo.entries import FOLDER_FIELDS, MODEL_FIELDS
from lit_adv.zoo.zoo import Zoo
from lit_adv.zoo.zoo_file import ZOO_FIELDS
from tests.helpers import REPOSITORY

PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
CONFIGURATIONS = REPOSITORY / "docs/reference/configurations.md"
OTHERS = {".", "npm", "pip", "python3", "wandb"}
"""Programs that are not ours."""


def blocks(page: Path, language: str) -> list[str]:
    """Fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def commands(page: Path) -> Iterator[list[str]]:
    """The words of each command in the page's shell blocks, and of those with options in its text."""
    for block in blocks(page, "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            if words := shlex.split(line, comments=True):
                yield words
    for code in re.findall(r"`((?:lit-adv|python scripts)[^`\n]* --[^`\n]*)`", page.read_text(encoding="utf-8")):
        yield shlex.split(code)


def name(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


def ours(words: list[str]) -> list[str] | None:
    """The words after `lit-adv`, which torchrun and srun start too."""
    if words[0] in ("lit-adv", "torchrun", "srun"):
        return words[words.index("lit_adv" if words[0] == "torchrun" else "lit-adv") + 1 :]
    return None


def check(words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A verb of Lightning's parses as a whole; of other commands and scripts each option is in their help."""
    arguments = ours(words)
    if whole := arguments is not None and arguments[0] in ("fit", "predict", "test"):
        asked = [*arguments, *(["--print_config"] if not {"--model.help", "--data.help"} & {*arguments} else [])]
    else:
        verbs = [
            word
            for word in (arguments or [])
            if re.fullmatch("build|explore|export|transfer|score|relearn|report|reproduce|robust|study|zoo", word)
        ]
        asked = [*verbs, "--help"]
    monkeypatch.setattr(sys, "argv", [words[1], *asked])
    monkeypatch.syspath_prepend(str(REPOSITORY / "scripts"))  # where Python finds what a script imports
    code = None
    try:
        main(asked) if arguments is not None else runpy.run_path(str(REPOSITORY / words[1]), run_name="__main__")
    except SystemExit as end:
        code = end.code
    printed = capsys.readouterr()
    assert not code, f"{shlex.join(words)}: {printed.err}"
    for word in [] if whole else words[: words.index("--") if "--" in words else None]:
        if word.startswith("--"):
            option = re.escape(word.partition("=")[0]).replace(r"\-", "[-_]")
            assert re.search(rf"{option}\b", printed.out), f"{shlex.join(words)}: {word} is no option"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_parses(
    page: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    targets = re.findall(r"^(\w+):", (REPOSITORY / "Makefile").read_text(), flags=re.MULTILINE)
    for words in commands(page):
        if words[0] == "make":
            assert words[1] in targets
        elif ours(words) is not None or words[:1] == ["python"]:
            check(words, capsys, monkeypatch)
        else:
            assert words[0] in OTHERS, words


def test_the_ten_lines_of_the_readme_run(zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("zoo").mkdir()
    for name in ("digits", "ten"):
        Path("zoo", name).symlink_to(zoo.path)
    tiny = ["--data.per_class", "1", "--data.copies", "1"]
    for words in commands(REPOSITORY / "README.md"):
        if words[0] == "lit-adv" and words[1] != "fit":  # the zoo is there
            main(words[1:] + (tiny if words[1] == "predict" else []))
    assert Path("runs/report/index.html").is_file()


def test_the_python_of_the_pages_runs(zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The README's eight lines, and the blocks of the page, one after the other; the attacks are shorter here."""
    monkeypatch.chdir(tmp_path)
    Path("zoo").mkdir()
    for name in ("digits", "ten"):
        Path("zoo", name).symlink_to(zoo.path)
    for page in ("README.md", "docs/how-to/python.md"):
        names: dict[str, Any] = {}
        for block in blocks(REPOSITORY / page, "python"):
            exec(
                block.replace("BIM(epsilon=0.2)", "BIM(epsilon=0.2, steps=1)")
                .replace("=20,", "=1,")
                .replace("=40,", "=1,"),
                names,
            )
        assert names["many"].perturbation.shape == names["images"].shape
        assert Path("digits.png").is_file()
        Path("digits.png").unlink()
    assert PerturbationSet.load(Path("runs/many")).name == "NMM BIM"
    images, labels = lit_adv.digits(10)
    batches = DataLoader(TensorDataset(images, labels), 50)
    trainer = pl.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(names["Classifier"](), batches, batches)
    assert 0 <= trainer.callback_metrics["robust_accuracy"] < 0.5


@pytest.mark.parametrize("page", [*PAGES, REPOSITORY / "RESULTS.md", REPOSITORY / "CHANGELOG.md"], ids=name)
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    text = re.sub(r"^```.*?^```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"https?:|#", target):
            assert (page.parent / target.partition("#")[0]).is_file(), target


def test_the_readme_is_short_and_names_the_tests() -> None:
    readme = (REPOSITORY / "README.md").read_bytes()
    assert len(readme) <= 8 * 1024
    assert b"make test" in readme
    assert "make test" in (REPOSITORY / ".ci/run").read_text()


def test_zoo_files_have_the_fields_that_are_read() -> None:
    for page in PAGES:
        for block in blocks(page, "yaml"):
            content = yaml.safe_load(block)
            assert content.keys() <= ZOO_FIELDS
            assert all(
                isinstance(model, str) or model.keys() <= MODEL_FIELDS | FOLDER_FIELDS for model in content["sources"]
            )
    fields = re.findall(r"`(\w+)`", (REPOSITORY / "docs/reference/files.md").read_text())
    assert set(fields) >= ZOO_FIELDS | MODEL_FIELDS | FOLDER_FIELDS


def test_the_table_of_configurations_is_that_of_the_files() -> None:
    data, attacks = "", []
    rows = re.findall(
        r"^\|([^|]*)\| `(\w+)` \|([^|]*)\|([^|]*)\|([^|]*)\|$", CONFIGURATIONS.read_text(), flags=re.MULTILINE
    )
    for first, attack, parameters, copies, sigma in rows:
        data = first.strip(" `") or data
        attacks.append((data, attack))
        content = yaml.safe_load((FOLDER / f"{data}-{attack}.yaml").read_text())
        assert (int(copies), float(sigma)) == (
            content["data"]["init_args"]["copies"],
            content["data"]["init_args"]["sigma"],
        )
        settings = content["model"]["init_args"]["attack"].get("init_args", {})
        for sign, name in {"ε": "epsilon", "c": "c", "κ": "confidence", "lr": "lr", "p_init": "p_init"}.items():
            given = re.search(rf"(?:^|\W){sign} = ([\d.]+)", parameters)
            assert (given and float(given[1])) == settings.get(name), (data, attack, name)
        for unit in ("steps", "queries"):
            given = re.search(rf"(\d+) {unit}", parameters)
            assert (given and int(given[1])) == settings.get(unit), (data, attack, unit)
    assert attacks == list(product([data for data in DATA_SETS if data not in LIKE], ATTACKS))


def test_every_command_and_script_is_in_the_reference() -> None:
    page = (REPOSITORY / "docs/reference/commands.md").read_text()
    assert set(re.findall(r"`lit-adv ([a-z]+)", page)) == set(COMMANDS)
    assert set(re.findall(r"`scripts/(\w+\.py)`", page)) == {path.name for path in REPOSITORY.glob("scripts/*.py")}


def test_the_floors_of_the_house_are_those_that_lint_checks() -> None:
    contract = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    house = (REPOSITORY / "docs/explanation/house.md").read_text()
    floors = [line.split()[1:] for line in re.findall(r"^    (\d  .*)$", house, flags=re.MULTILINE)]
    for layer, floor in zip(contract["layers"], floors, strict=True):
        assert set(re.findall(r"[\w.]+", layer)) == set(floor) - {"scripts"}
