"""Builds a W&B workspace and report: python scripts/wandb_dashboard.py --entity ME --project lit-adv"""

from lit_adv.cli import run_command
from lit_adv.tracking.dashboard import wandb_dashboard

if __name__ == "__main__":
    run_command(wandb_dashboard)
