"""Trains an MNIST zoo: python scripts/train_mnist_zoo.py --count 11 --source digits --out zoo/digits --seed 0"""

from lit_adv.cli import run_command
from trainers.mnist_zoo import train_mnist_zoo

if __name__ == "__main__":
    run_command(train_mnist_zoo)
