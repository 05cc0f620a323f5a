"""`lit-adv reproduce`: figures and tables by name."""

from argparse import ArgumentTypeError
from collections.abc import Sequence

from lit_adv.cli.options import add_trust, named_path, option_parser
from lit_adv.configs import ATTACKS, STEPS_PARAMETERS
from lit_adv.data_sets import DATA_SETS, IMAGES


def reproduce(words: Sequence[str]) -> None:
    """Runs `lit-adv reproduce`; errors as those of `make_figures`.

    Args:
        words: after `reproduce` on the command line; those after `--` go to each `predict`.
    """
    mark = words.index("--") if "--" in words else len(words)
    parser = option_parser(
        "lit-adv reproduce",
        "Makes tables and figures of the thesis: the perturbation sets that are missing, pictures, "
        "numbers, and a section in one page.",
        "What follows -- is given to every `lit-adv predict`: -- --data.root PHOTOGRAPHS --data.per_class 5",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="figures and tables (see --list), or all")
    parser.add_argument("--data", choices=(*DATA_SETS, IMAGES), default="mnist", help="the data set (default: mnist)")
    parser.add_argument(
        "--zoo", type=named_path, help="folder of trained models, zoo file or its name (default: the packaged one)"
    )
    parser.add_argument("--out", type=named_path, help="where all is kept (default: runs/reproduce/DATA)")
    parser.add_argument("--masks", type=named_path, help="folder of masks, WNID/NAME.png; not needed for mnist")
    parser.add_argument(
        "--steps",
        type=_steps,
        nargs="+",
        default=[],
        metavar="ATTACK=N",
        help="shorter attacks, such as cw=100 square=500",
    )
    parser.add_argument(
        "--attacks",
        nargs="+",
        default=[],
        choices=ATTACKS,
        help="attacks in the place of each figure's own; of one attack, the first (default: its own)",
    )
    parser.add_argument(
        "--fast",
        action="store_true",
        help="few steps and copies; mnist without --zoo: on ten models of the embedded digits",
    )
    parser.add_argument("--devices", type=int, default=1, help="processes of every predict (default: 1)")
    add_trust(parser)
    parser.add_argument(
        "--list", action="store_true", help="say what there is, what it needs and whether that is at hand"
    )
    chosen = parser.parse_args(words[:mark])
    from lit_adv.cli.figures import make_figures

    make_figures(
        chosen.names,
        data=chosen.data,
        zoo=chosen.zoo,
        out=chosen.out,
        masks=chosen.masks,
        steps={attack: int(number) for attack, number in (word.split("=") for word in chosen.steps)},
        fast=chosen.fast,
        devices=chosen.devices,
        only_list=chosen.list,
        trust=chosen.trust,
        attacks=chosen.attacks,
        words_for_predict=words[mark + 1 :],
    )


def _steps(word: str) -> str:
    """Returns the word; jsonargparse calls this again on its own result."""
    attack, _, number = word.partition("=")
    if attack not in STEPS_PARAMETERS or not number.isdecimal():
        raise ArgumentTypeError(f"{word} is not ATTACK=N with one of {', '.join(STEPS_PARAMETERS)}")
    return word
