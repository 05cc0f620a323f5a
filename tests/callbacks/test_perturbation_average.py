"""What the callback says of a run; the rest of it is tested by runs, in test_command_line and test_recovery."""

from callbacks.perturbation_average import describe_shares


def test_what_each_process_did_and_how_unevenly() -> None:
    first = {"process": 0, "batches": 3, "perturbations": 30, "seconds": 12.0, "in_attacks": 9.0}
    second = {"process": 1, "batches": 2, "perturbations": 20, "seconds": 8.0, "in_attacks": 8.0}
    idle = {"process": 1, "batches": 0, "perturbations": 0, "seconds": 0.0, "in_attacks": 0.0}
    assert describe_shares([first, second]) == [
        "process 0: 3 batches, 30 perturbations, 12 s, 75.0 % of them in attacks",
        "process 1: 2 batches, 20 perturbations, 8 s, 100.0 % of them in attacks",
        "imbalance: the slowest took 20 % longer than the mean",
    ]
    assert describe_shares([first]) == ["process 0: 3 batches, 30 perturbations, 12 s, 75.0 % of them in attacks"]
    assert describe_shares([idle]) == []
