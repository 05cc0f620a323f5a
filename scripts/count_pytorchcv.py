"""Makes the packaged table of the installed pytorchcv's models, in some minutes: python scripts/count_pytorchcv.py"""

from lit_adv.cli import run_command
from lit_adv.zoo.counts import count_pytorchcv

if __name__ == "__main__":
    run_command(count_pytorchcv)
