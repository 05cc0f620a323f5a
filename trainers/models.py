"""Which models a zoo shall have: several of one architecture, or some of each of several."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from lit_adv.errors import InputError
from trainers.recipe import ModelPlan


def planned(
    count: int,
    test_models: int,
    architecture: str | None,
    architectures: Sequence[str],
    test_architectures: Sequence[str],
    arguments: Callable[[str], Mapping[str, Any]],
) -> list[ModelPlan]:
    """Plans the models of a zoo, see `trainers.fit.fit`.

    Args:
        count: number of models of each architecture.
        test_models: number of test models among those of `architecture`.
        architecture: name of the only architecture; None where there are several.
        architectures: names of the sources' architectures.
        test_architectures: names of the test models' architectures.
        arguments: gives the keyword arguments of an architecture.

    Raises:
        InputError: there is no model, one is named twice, or a number is out of range.
    """
    if count < 1:
        raise InputError(f"count is {count}; it must be at least 1")
    named = [*architectures, *test_architectures]
    if named and architecture is not None:
        raise InputError(
            f"--model.architecture is {architecture}, and --architectures or --test_architectures name others; "
            "give the one or the others"
        )
    if named and test_models:
        raise InputError("--test_models is for one architecture; name the test models with --test_architectures")
    if named:
        return named_models(count, architectures, test_architectures, arguments)
    if architecture is None:
        raise InputError("no architecture is named; give --model.architecture, or --architectures for several")
    return numbered_models(count, test_models, architecture, arguments(architecture))


def numbered_models(count: int, test_models: int, architecture: str, arguments: Mapping[str, Any]) -> list[ModelPlan]:
    """Plans models 0 … count − 1 of one architecture; the first are test models, the others are sources.

    Raises:
        InputError: a number is out of range.
    """
    if not 0 <= test_models <= count:
        raise InputError(f"test_models is {test_models}; it must be 0 to {count}, the number of models")
    return [
        ModelPlan(
            name=f"model-{number:03d}",
            role="test" if number < test_models else "source",
            number=number,
            architecture=architecture,
            arguments=arguments,
        )
        for number in range(count)
    ]


def named_models(
    count: int,
    sources: Sequence[str],
    tests: Sequence[str],
    arguments: Callable[[str], Mapping[str, Any]],
) -> list[ModelPlan]:
    """Plans `count` models of each architecture, which have its name.

    Raises:
        InputError: an architecture is named twice.
    """
    roles: list[tuple[Literal["source", "test"], str]] = [("source", name) for name in sources]
    roles += [("test", name) for name in tests]
    names = [file_name(architecture) for _, architecture in roles]
    if doubled := [place for place, name in enumerate(names) if name in names[:place]]:
        raise InputError(f"model {roles[doubled[0]][1]} is named twice; name it once")
    return [
        ModelPlan(
            name=name if count == 1 else f"{name}-{number:02d}",
            role=role,
            number=number,
            architecture=architecture,
            arguments=arguments(architecture),
        )
        for name, (role, architecture) in zip(names, roles, strict=True)
        for number in range(count)
    ]


def file_name(architecture: str) -> str:
    """Returns an architecture's name as files can have it: `torchvision:resnet18` as `torchvision-resnet18`."""
    return re.sub(r"[^\w.+-]+", "-", architecture)
