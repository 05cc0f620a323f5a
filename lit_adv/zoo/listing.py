"""List of the libraries' models with size, cost and availability, from which zoo files are made."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table

from lit_adv.errors import InputError
from lit_adv.files import atomic_path
from lit_adv.zoo.catalogue import CatalogModel, Library, timm_models_listed, torchvision_models_listed
from lit_adv.zoo.counts import counts
from lit_adv.zoo.pytorchcv_store import at_hand, published


def list_models(
    data: Literal["cifar10", "imagenet"] | None = None,
    max_gmac: float | None = None,
    weights: Literal["published", "at hand"] | None = None,
    names: Sequence[str] = (),
    libraries: Sequence[Library] = ("pytorchcv",),
) -> list[CatalogModel]:
    """Returns the ImageNet and CIFAR-10 classifiers of libraries that pass the filters, in the libraries' order.

    Args:
        data: data set; None for both.
        max_gmac: bound that the multiply-accumulates (10⁹) of a model are below; None for no bound. Models whose number
            is unknown do not pass it.
        weights: `published` for models with published weights, `at hand` for those that are here; None for all.
        names: models that pass `max_gmac` at any cost.
        libraries: the libraries.

    Raises:
        InputError: a library is not installed.
    """
    found: list[CatalogModel] = []
    for library in libraries:
        if library == "pytorchcv":
            found += _pytorchcv(data, weights)
        elif data != "cifar10":
            listed = torchvision_models_listed() if library == "torchvision" else timm_models_listed()
            found += [m for m in listed if weights != "at hand" or m.weights == "at hand"]
    return [m for m in found if max_gmac is None or (m.gmac is not None and m.gmac < max_gmac) or m.name in names]


def _pytorchcv(data: str | None, weights: str | None) -> list[CatalogModel]:
    chosen = [
        model
        for model in published().values()
        if data in (None, model.data)
        and (weights is None or model.file_name is not None)
        and (weights != "at hand" or at_hand(model))
    ]
    counted = counts(chosen)
    return [
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


def print_list(models: Sequence[CatalogModel], as_json: bool) -> None:
    """Prints the list as a table, or as JSON."""
    if as_json:
        print(json.dumps([asdict(model) for model in models], indent=2))
        return
    table = Table(title=f"{len(models)} models", title_justify="left")
    for heading in ("name", "data", "parameters", "GMAC", "input", "weights"):
        table.add_column(heading, justify="right" if heading in ("parameters", "GMAC", "input") else "left")
    for m in models:
        parameters = "" if m.parameters is None else f"{m.parameters:,}"
        table.add_row(m.name, m.data, parameters, "" if m.gmac is None else f"{m.gmac:.3f}", str(m.size), m.weights)
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
    entries = {model.name: _entry(model) for model in models}
    for name in (*test, *([] if single is None else [single])):
        if name not in entries:
            near = ", ".join(get_close_matches(name, entries, n=3, cutoff=0.5))
            hint = f"; did you mean {near}?" if near else ""
            raise InputError(f"model {name!r} is not among the {len(models)} chosen ones{hint}")
    lines = [f"# {rule}", f"data: {models[0].data}", "weights: pretrained"]
    lines += [f"single: {_quoted(single)}"] if single is not None else []
    lines += ["test:", *(f"- {entries[name]}" for name in test)]
    lines += ["sources:", *(f"- {entry}" for name, entry in entries.items() if name not in test)]
    content = "\n".join(lines) + "\n"
    with atomic_path(path) as temporary:
        temporary.write_text(content, encoding="utf-8")


def _entry(model: CatalogModel) -> str:
    cost = "" if model.gmac is None else f", gmac: {model.gmac}"
    return f"{{name: {_quoted(model.name)}{cost}}}"


def _quoted(name: str) -> str:
    """Returns a name as YAML's flow mappings take it."""
    return f'"{name}"' if ":" in name else name
