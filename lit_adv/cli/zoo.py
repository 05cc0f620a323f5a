"""`lit-adv zoo`: the libraries' models, listed and chosen."""

import shlex
from collections.abc import Sequence

from lit_adv.cli.options import named_path, option_parser
from lit_adv.errors import InputError


def zoo(words: Sequence[str]) -> None:
    """Runs `lit-adv zoo` with the words after it.

    Raises:
        InputError: `--test` or `--single` without `--write`, or a zoo file cannot be made of the choice.
    """
    parser = option_parser(
        "lit-adv zoo", "Lists the ImageNet and CIFAR-10 models of pytorchcv, torchvision or timm, and writes zoo files."
    )
    parser.add_argument(
        "--library",
        choices=("pytorchcv", "torchvision", "timm"),
        nargs="+",
        default=["pytorchcv"],
        help="whose models (default: pytorchcv)",
    )
    parser.add_argument("--data", choices=("cifar10", "imagenet"), help="only of this data set")
    parser.add_argument(
        "--max-gmac",
        type=float,
        metavar="GMAC",
        help="only below this many 10⁹ multiply-accumulates, where they are known",
    )
    parser.add_argument(
        "--weights", choices=("published", "at hand"), help="only with weights that can be downloaded, or that are here"
    )
    parser.add_argument("--json", action="store_true", help="print JSON in place of a table")
    parser.add_argument("--write", type=named_path, metavar="FILE", help="write a zoo file of the listed models")
    parser.add_argument("--test", nargs="+", default=[], metavar="NAME", help="its test models, whatever they cost")
    parser.add_argument("--single", metavar="NAME", help="its model for the settings SM and NSM")
    chosen = parser.parse_args(words)
    if chosen.write is None and (chosen.test or chosen.single):
        raise InputError("--test and --single are for the zoo file; give --write FILE too")
    from lit_adv.zoo.listing import list_models, print_list, write_zoo

    models = list_models(chosen.data, chosen.max_gmac, chosen.weights, chosen.test, chosen.library)
    if chosen.write is not None:
        write_zoo(models, chosen.write, chosen.test, chosen.single, f"lit-adv zoo {shlex.join(words)}")
    print_list(models, chosen.json)
