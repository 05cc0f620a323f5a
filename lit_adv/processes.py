"""What the processes of a run know of each other."""

import torch.distributed
from torch.distributed import HashStore, PrefixStore, Store
from torch.distributed.distributed_c10d import _get_default_store


def process_number() -> int:
    """This process's number among those of the run, 0 for the first."""
    from lightning_fabric.utilities.rank_zero import _get_rank

    return _get_rank() or 0


def shared_store(name: str) -> Store:
    """What the processes of this run count with together; of this process alone where there is no other."""
    if torch.distributed.is_initialized():
        return PrefixStore(name, _get_default_store())
    return PrefixStore(name, HashStore())
