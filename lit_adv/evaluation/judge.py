"""A judge is asked: its logits, or one line that says why they are none."""

from collections.abc import Sequence
from numbers import Real

from torch import Tensor

from lit_adv.attacks.attack import Model
from lit_adv.errors import InputError
from lit_adv.logits import BrokenModel, broken_rows, call, first_few, logits_of, refuse_autocast, refuse_training


def judge_says(judge: Model, pictures: Tensor, name: str, places: Sequence[int] = ()) -> Tensor:
    """Returns a judge's logits `[B, K]`, all of them finite, for pictures `[B, C, H, W]`.

    Args:
        judge: the model.
        pictures: what it sees.
        name: the judge's, for messages; may be empty.
        places: positions of the pictures in their set, for messages; none for 0, 1, …

    Raises:
        InputError: the judge is in training mode, on another device or of another type than the pictures, or takes
            no such pictures, gives no logits, or some that are NaN or infinite; or autocast is on.
    """
    who = f"judge {name}" if name else "the judge"
    refuse_training(judge, who)
    refuse_autocast(pictures.device)
    try:
        logits = logits_of(call(judge, pictures), len(pictures))
    except BrokenModel as error:
        raise InputError(f"{who} gives {error.what}") from error
    except RuntimeError as error:
        raise InputError(f"{who} does not take images {list(pictures.shape[1:])}: {error}") from error
    if rows := broken_rows(logits):
        images = f"images {first_few([places[row] if places else row for row in rows])}"
        if broken_rows(pictures):
            raise InputError(f"what {who} is to see of {images} holds NaN or infinite values; make the set again")
        raise InputError(
            f"{who} gives NaN or infinite logits for {images} of the set; "
            "leave it out, or give it other weights; nothing is written"
        )
    return logits


def check_epsilon(epsilon: float) -> None:
    """Checks an ε of Eq. 4.3, which is in pixel values of [0, 1].

    Raises:
        InputError: it is not above 0, or above 1.
    """
    if not isinstance(epsilon, Real) or not 0 < epsilon <= 1:
        raise InputError(f"epsilon is {epsilon}; it must be above 0 and at most 1, in pixel values of [0, 1]")
