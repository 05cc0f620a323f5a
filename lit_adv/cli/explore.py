"""`lit-adv explore`: a page on which averages appear as models and copies are added."""

from collections.abc import Sequence

from lit_adv.cli.options import add_trust, named_path, option_parser


def explore(words: Sequence[str]) -> None:
    """Runs `lit-adv explore` with the words after it; errors as those of `lit_adv.explorer.build.explore`."""
    parser = option_parser(
        "lit-adv explore",
        "Writes a page on which averages appear as models and copies are added: one file, without a server.",
    )
    parser.add_argument(
        "runs", nargs="+", type=named_path, help="folders of sets of the same images, made with --growth"
    )
    parser.add_argument("--out", required=True, type=named_path, help="the page's folder")
    parser.add_argument("--zoo", type=named_path, help="zoo whose test models judge; left out, there is ρ only")
    add_trust(parser)
    parser.add_argument("--images", type=int, default=10, help="most images, the first of each class (10)")
    chosen = parser.parse_args(words)
    from lit_adv.explorer.build import explore

    print(f"page: {explore(chosen.runs, chosen.out, chosen.zoo, chosen.trust, chosen.images)}")
