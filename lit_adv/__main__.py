"""`python -m lit_adv`."""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

OWN: Final = Path(__file__).resolve().parents[1]
PACKAGES: Final = ("callbacks", "datamodules", "trainers")


def search_working_directory_last() -> None:
    """Python searches the working directory first under `-m`; there, files of any name would be taken for packages."""
    if sys.path and not sys.flags.safe_path and Path(sys.path[0]).resolve() not in (OWN, OWN / "lit_adv"):
        sys.path.append(sys.path.pop(0))


def shadowing() -> str:
    """Returns a line that names a file that Python takes for one of the packages; empty where there is none."""
    for name in PACKAGES:
        spec = find_spec(name)
        if spec is None or spec.origin is None or Path(spec.origin).resolve() != OWN / name / "__init__.py":
            found = "nothing" if spec is None else spec.origin or f"a folder {name} without __init__.py"
            return f"lit-adv: Python finds {found} in place of its package {name}; rename it, or take it off PYTHONPATH"
    return ""


if __name__ == "__main__":
    search_working_directory_last()
    if line := shadowing():
        print(line, file=sys.stderr)
        raise SystemExit(2)
    from lit_adv.cli import main

    main()
