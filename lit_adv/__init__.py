"""lit-adv: the human-recognizable information hidden in adversarial perturbations."""

__version__: str


def __getattr__(name: str) -> str:
    if name == "__version__":
        from importlib.metadata import version

        return version("lit-adv")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
