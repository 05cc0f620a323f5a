"""`lit-adv reproduce`: figures and tables by name."""


def reproduce(words: list[str]) -> None:
    """Makes what is named, or lists what there is."""
    from lit_adv.reproduce import make

    make.reproduce(words)
