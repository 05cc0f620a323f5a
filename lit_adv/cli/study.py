"""`lit-adv study`: the page for a study with people, and its figures."""

from collections.abc import Sequence

from jsonargparse import Namespace

from lit_adv.cli.options import named_path, option_parser


def study(words: Sequence[str]) -> None:
    """Runs `lit-adv study build` or `lit-adv study score`; errors as those of `build` and `score`.

    Args:
        words: after `study` on the command line.
    """
    parser = option_parser("lit-adv study", "Asks people what they see in perturbations.")
    verbs = parser.add_subcommands(dest="verb")

    making = option_parser("lit-adv study build", "Writes the page for a browser, and the key with the right answers.")
    making.add_argument("set", type=named_path, help="the folder of a perturbation set")
    making.add_argument("--out", required=True, type=named_path, help="folder for page/ (publish) and key.json (keep)")
    making.add_argument("--group-size", type=int, default=50, help="most pictures that a subject is shown (50)")
    making.add_argument(
        "--choices", type=int, help="answers offered for each picture; left out, all classes of the set"
    )
    making.add_argument("--seed", type=int, default=0, help="of groups, choices and file names (0)")
    making.add_argument("--title", default="What do you see?", help="of the page")
    making.add_argument(
        "--offline",
        type=named_path,
        metavar="NODE_MODULES",
        help="copy jsPsych from this folder into the page, which else loads it from the internet",
    )
    verbs.add_subcommand("build", making, help="write the page for a browser, and the key with the right answers")

    scoring = option_parser("lit-adv study score", "Prints the figures of the answers that the page saved.")
    scoring.add_argument("answers", nargs="+", type=named_path, help="files that the page saved, complete ones")
    scoring.add_argument("--key", required=True, type=named_path, help="the study's key.json")
    scoring.add_argument("--out", type=named_path, help="also write the figures to this JSON file")
    scoring.add_argument("--seed", type=int, default=0, help="of the bootstrap (0)")
    verbs.add_subcommand("score", scoring, help="figures of the answers that the page saved")

    chosen = parser.parse_args(words)
    if chosen.verb == "build":
        _build(chosen.build)
    else:
        _score(chosen.score)


def _build(chosen: Namespace) -> None:
    """Writes the page, and says where it is."""
    from lit_adv.study.build import build

    made = build(
        chosen.set,
        chosen.out,
        group_size=chosen.group_size,
        choices=chosen.choices,
        seed=chosen.seed,
        title=chosen.title,
        offline=chosen.offline,
    )
    sizes = ", ".join(str(len(group)) for group in made.groups)
    print(f"study {made.id}: {len(made.groups)} groups of {sizes} pictures, chance {100 * made.chance:.1f} %")
    print(f"page (publish it): {chosen.out / 'page' / 'index.html'}")
    print(f"key (keep it): {chosen.out / 'key.json'}")


def _score(chosen: Namespace) -> None:
    """Prints the figures of the answers; writes them, where a file is named."""
    from lit_adv.files import write_json
    from lit_adv.study.score import score, tables

    figures = score(chosen.answers, chosen.key, chosen.seed)
    for table in tables(figures):
        table.print()
    if chosen.out is not None:
        write_json(chosen.out, figures)
