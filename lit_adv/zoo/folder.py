"""Zoo folders: models that this project trained, each with its manifest."""

from collections.abc import Collection
from pathlib import Path

from lit_adv.errors import InputError
from lit_adv.zoo.model_spec import ModelSpec, read_spec


def manifests(folder: Path) -> list[Path]:
    """Finds the manifests in a folder; hidden files, which some systems put beside copied ones, are none."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".json" and not path.name.startswith("."))
    except OSError as error:
        raise InputError(f"cannot read zoo {folder}: {error.strerror or error}") from error


def read_folder(folder: Path, trust: Collection[str] = ()) -> dict[Path, ModelSpec]:
    """Reads the specifications in a zoo folder, by the path of their manifest.

    Args:
        folder: of the zoo.
        trust: packages whose code may run.

    Raises:
        InputError: it holds no finished model, or a manifest is damaged or names code that is not trusted.
    """
    found = manifests(folder)
    if not found:
        raise InputError(
            f"zoo {folder}: no finished model in it; train some with lit-adv fit, or "
            "give a zoo file that lists the weights in it"
        )
    return {path: read_spec(path, trust) for path in found}
