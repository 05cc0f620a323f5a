"""W&B's variables: a wrong one ends in a line that names it."""

import json
import os
import subprocess
import sys
from pathlib import Path

WRONG = {
    "WANDB_MODE": "onlin",
    "WANDB_BASE_URL": "nonsense",
    "WANDB_RESUME": "mabye",
    "WANDB_SILENT": "perhaps",
    "WANDB_INIT_TIMEOUT": "soon",
    "WANDB_SERVICE": "3-1-tcp-localhost-1",
}
OPEN = """
import json, os, sys
from pathlib import Path
from lit_adv.errors import InputError
from lit_adv.tracking.records import Experiment
from lit_adv.tracking.wandb_run import open_run

def said():
    try:
        run = open_run(Experiment("p"), Path("runs"), {}, job="predict", name="n", group="g", key="k").experiment
        run.finish()
    except InputError as error:
        return str(error)
    return "nothing"

lines = {}
for name, value in (*json.loads(sys.argv[1]).items(), ("WANDB_SERVICE", "junk"), ("WANDB_MODE", "disabled")):
    os.environ[name] = value
    lines[f"{name}={value}"] = said()
    del os.environ[name]
print(json.dumps(lines))
"""


def test_a_wrong_variable_is_named(tmp_path: Path) -> None:
    own = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    run = subprocess.run(
        [sys.executable, "-c", OPEN, json.dumps(WRONG)],
        cwd=tmp_path,
        env=own | {"NETRC": str(tmp_path / "netrc"), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = json.loads(run.stdout.splitlines()[-1])
    assert lines.pop("WANDB_MODE=disabled") == "nothing"
    assert "WANDB_SERVICE='junk'" in lines.pop("WANDB_SERVICE=junk")
    for variable, line in lines.items():
        assert line.startswith(f"W&B: {variable}: ")
        assert "--wandb" in line
        assert "\n" not in line
