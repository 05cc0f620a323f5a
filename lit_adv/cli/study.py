"""`lit-adv study`: the page for a study with people, and its figures."""

from argparse import ArgumentParser
from pathlib import Path


def study(words: list[str]) -> None:
    """Runs `lit-adv study build` or `lit-adv study score`; errors as those of `build` and `score`."""
    parser = ArgumentParser("lit-adv study", description="Asks people what they see in perturbations.")
    verbs = parser.add_subparsers(dest="verb", required=True)

    making = verbs.add_parser("build", help="write the page for a browser, and the key with the right answers")
    making.add_argument("set", type=Path, help="the folder of a perturbation set")
    making.add_argument("--out", required=True, type=Path, help="folder for page/ (publish it) and key.json (keep it)")
    making.add_argument("--group-size", type=int, default=50, help="most pictures that a subject is shown (50)")
    making.add_argument(
        "--choices", type=int, help="answers offered for each picture; left out, all classes of the set"
    )
    making.add_argument("--seed", type=int, default=0, help="of groups, choices and file names (0)")
    making.add_argument("--title", default="What do you see?", help="of the page")
    making.add_argument(
        "--offline",
        type=Path,
        metavar="NODE_MODULES",
        help="copy jsPsych from this folder into the page, which else loads it from the internet",
    )

    scoring = verbs.add_parser("score", help="figures of the answers that the page saved")
    scoring.add_argument("answers", nargs="+", type=Path, help="files that the page saved; incomplete ones are refused")
    scoring.add_argument("--key", required=True, type=Path, help="the study's key.json")
    scoring.add_argument("--out", type=Path, help="also write the figures to this JSON file")
    scoring.add_argument("--seed", type=int, default=0, help="of the bootstrap (0)")

    chosen = parser.parse_args(words)
    if chosen.verb == "build":
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
    else:
        from lit_adv.study.score import score

        score(chosen.answers, chosen.key, chosen.out, chosen.seed)
