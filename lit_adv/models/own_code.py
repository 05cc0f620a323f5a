"""Networks of the user's own code, `package.module:function`: they run only where their package is trusted."""

import importlib
import sys
import traceback
from collections.abc import Callable, Collection
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from lit_adv.errors import InputError

LIBRARIES: Final = ("torchvision", "timm")
"""Prefixes of architectures that are looked up in a library's own list, and so need no trust."""
PROGRAMS: Final = ("torchscript", "export")
"""Prefixes of architectures that are files with a program in them."""


def is_own_code(architecture: str) -> bool:
    """Tells whether an architecture is a function of the user's own, `package.module:function`."""
    prefix, colon, _ = architecture.partition(":")
    return bool(colon) and prefix not in (*LIBRARIES, *PROGRAMS)


def runs_foreign_code(architecture: str) -> bool:
    """Tells whether building an architecture runs code that comes from no library: own code, or a program's file."""
    return is_own_code(architecture) or architecture.partition(":")[0] in PROGRAMS


def refuse_untrusted(architecture: str, trust: Collection[str], where: str) -> None:
    """Refuses code that the user does not trust; nothing of it is imported, opened or run.

    Own code is trusted by the name of its package, or of a module of it; a program by the name of its file, or by its
    path as it is written.

    Args:
        architecture: see `lit_adv.models.build.build`.
        trust: what the user trusts.
        where: start of the error's message.

    Raises:
        InputError: it is not trusted.
    """
    if not runs_foreign_code(architecture):
        return
    prefix, _, rest = architecture.partition(":")
    if is_own_code(architecture):
        names, kind = {prefix[:end] for end in _ends(prefix)}, "package"
        name = prefix.partition(".")[0]
    else:
        names, kind = {rest, Path(rest).name}, "file"
        name = Path(rest).name
    if not names & set(trust):
        raise InputError(
            f"{where}: {architecture} runs code of the {kind} {name}; if you trust it, add --trust {name} (in Python: "
            f'Zoo.open(…, trust=["{name}"]))'
        )


def own_maker(architecture: str) -> Callable[..., Any]:
    """Imports the function, or class, that makes networks; the caller has seen to it that its package is trusted.

    Its package is found as Python finds packages, or else in the working directory. It must come from this package: a
    zoo file that somebody else wrote must not reach what the module itself imports.

    Raises:
        InputError: there is no such package, module or function, or importing it fails.
    """
    module, _, name = architecture.partition(":")
    package = module.partition(".")[0]
    if not all(part.isidentifier() for part in (*module.split("."), name)):
        raise InputError(f"architecture {architecture} is no function of a module, as package.module:function is")
    _find(package, architecture)
    try:
        found = importlib.import_module(module)
    except Exception as error:
        raise InputError(f"architecture {architecture}: {module} cannot be imported: {in_own_words(error)}") from error
    place = f"{module} ({getattr(found, '__file__', None) or 'a package without __init__.py'})"
    maker = getattr(found, name, None)
    if not callable(maker):
        raise InputError(f"architecture {architecture}: {place} has no function {name}")
    origin = str(getattr(maker, "__module__", ""))
    if origin.partition(".")[0] != package:
        raise InputError(
            f"architecture {architecture}: {place} has {name} from {origin or 'elsewhere'}; name a function that is "
            f"defined in {package}"
        )
    return maker  # type: ignore[no-any-return]


def in_own_words(error: Exception) -> str:
    """Writes an error of the user's code: its type, its message, and the line that raised it."""
    text = f"{type(error).__name__}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    return f"{text} ({frames[-1].filename}:{frames[-1].lineno})" if frames else text


def _ends(module: str) -> list[int]:
    """Returns where the names of a module's packages end, and its own."""
    return [place for place, sign in enumerate(module) if sign == "."] + [len(module)]


def _find(package: str, architecture: str) -> None:
    """Lets Python find a package; the working directory is searched last, and only for one that is nowhere else."""
    if package in sys.modules or find_spec(package) is not None:
        return
    here = str(Path.cwd())
    sys.path.append(here)
    importlib.invalidate_caches()
    if find_spec(package) is None:
        sys.path.remove(here)
        raise InputError(
            f"architecture {architecture}: there is no package {package}, neither installed nor in {here}; install it, "
            "put its folder on PYTHONPATH, or start from the folder that holds it"
        )
