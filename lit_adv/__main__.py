"""`python -m lit_adv`."""

from lit_adv.cli import main

if __name__ == "__main__":
    main()
