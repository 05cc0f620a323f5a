"""`lit-adv report`: a page of judged sets."""

from collections.abc import Sequence

from lit_adv.cli.options import named_path, option_parser


def report(words: Sequence[str]) -> None:
    """Runs `lit-adv report` with the words after it; errors as those of `figures.report`."""
    parser = option_parser("lit-adv report", "Writes a page with the table and pictures of judged sets.")
    parser.add_argument("sets", nargs="+", type=named_path, help="folders of perturbation sets of the same images")
    parser.add_argument("--out", required=True, type=named_path, help="the page's folder")
    parser.add_argument(
        "--show",
        nargs="+",
        default=["thesis"],
        metavar="WAY",
        help="rows for each set: thesis, percentiles, agreement, luminance, blur, best (default: thesis)",
    )
    parser.add_argument("--explorer", type=named_path, metavar="HTML", help="page of lit-adv explore to link to")
    chosen = parser.parse_args(words)
    from lit_adv.figures.report import report

    report(chosen.sets, chosen.out, chosen.show, chosen.explorer)
