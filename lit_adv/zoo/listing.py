"""List of pytorchcv's models with size, cost and availability, from which zoo files are made."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table

from lit_adv.errors import InputError
from lit_adv.files import atomic_path
from lit_adv.zoo.counts import counts
from lit_adv.zoo.pytorchcv_store import at_hand, published


@dataclass(frozen=True, kw_only=True)
class CatalogModel:
    """One model of pytorchcv.

    Attributes:
        name: for `get_model`.
        data: `cifar10` or `imagenet`.
        parameters: number of parameters.
        gmac: 10⁹ multiply-accumulates of one forward pass on one image.
        size: side length of its images in pixels.
        weights: `at hand`, `published` (they can be downloaded) or `none`.
    """

    name: str
    data: str
    parameters: int
    gmac: float
    size: int
    weights: Literal["at hand", "published", "none"]


def list_models(
    data: Literal["cifar10", "imagenet"] | None = None,
    max_gmac: float | None = None,
    weights: Literal["published", "at hand"] | None = None,
    names: Sequence[str] = (),
) -> list[CatalogModel]:
    """Returns the ImageNet and CIFAR-10 classifiers of pytorchcv that pass the filters, in its order.

    Args:
        data: data set; None for both.
        max_gmac: bound that the multiply-accumulates (10⁹) of a model are below; None for no bound.
        weights: `published` for models with published weights, `at hand` for those in the store's folder; None for all.
        names: models that pass `max_gmac` at any cost.
    """
    chosen = [
        model
        for model in published().values()
        if data in (None, model.data)
        and (weights is None or model.file_name is not None)
        and (weights != "at hand" or at_hand(model))
    ]
    counted = counts(chosen)
    found = [
        CatalogModel(
            name=m.name,
            data=m.data,
            parameters=counted[m.name].parameters,
            gmac=round(counted[m.name].macs / 1e9, 4),
            size=m.size,
            weights="at hand" if at_hand(m) else "published" if m.file_name is not None else "none",
        )
        for m in chosen
    ]
    return [m for m in found if max_gmac is None or m.gmac < max_gmac or m.name in names]


def print_list(models: Sequence[CatalogModel], as_json: bool) -> None:
    """Prints the list as a table, or as JSON."""
    if as_json:
        print(json.dumps([asdict(model) for model in models], indent=2))
        return
    table = Table(title=f"{len(models)} models", title_justify="left")
    for heading in ("name", "data", "parameters", "GMAC", "input", "weights"):
        table.add_column(heading, justify="right" if heading in ("parameters", "GMAC", "input") else "left")
    for m in models:
        table.add_row(m.name, m.data, f"{m.parameters:,}", f"{m.gmac:.3f}", str(m.size), m.weights)
    console = Console()
    Console(width=max(console.width, 110)).print(table)


def write_zoo(models: Sequence[CatalogModel], path: Path, test: Sequence[str], single: str | None, rule: str) -> None:
    """Writes a zoo file: the models in `test` judge, the others are sources.

    Args:
        models: of one data set.
        path: of the file.
        test: names of test models.
        single: the model of the settings SM and NSM.
        rule: how the models were chosen, for the file's first line.

    Raises:
        InputError: the models are of several data sets, or a test model is not among them.
    """
    if len({model.data for model in models}) != 1:
        raise InputError("a zoo is of one data set, and not empty; give --data, and --max-gmac not too low")
    entries = {model.name: f"{{name: {model.name}, gmac: {model.gmac}}}" for model in models}
    for name in (*test, *([] if single is None else [single])):
        if name not in entries:
            near = ", ".join(get_close_matches(name, entries, n=3, cutoff=0.5))
            hint = f"; did you mean {near}?" if near else ""
            raise InputError(f"model {name!r} is not among the {len(models)} chosen ones{hint}")
    lines = [f"# {rule}", f"data: {models[0].data}", "weights: pretrained"]
    lines += [f"single: {single}"] if single is not None else []
    lines += ["test:", *(f"- {entries[name]}" for name in test)]
    lines += ["sources:", *(f"- {entry}" for name, entry in entries.items() if name not in test)]
    content = "\n".join(lines) + "\n"
    with atomic_path(path) as temporary:
        temporary.write_text(content, encoding="utf-8")
