"""Trains a CIFAR-10 zoo: python scripts/train_cifar10_zoo.py --models '[resnet20_cifar10]' --root data --out zoo"""

from lit_adv.cli import run_command
from trainers.cifar10_zoo import train_cifar10_zoo

if __name__ == "__main__":
    run_command(train_cifar10_zoo)
