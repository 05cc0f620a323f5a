"""The study's figure, before and after people have answered."""

import json

from lit_adv.reproduce.inputs import FigureInputs
from lit_adv.reproduce.set_name import set_names
from lit_adv.reproduce.study import study
from lit_adv.study.design import Study


def test_answers_are_scored(inputs: FigureInputs) -> None:
    assert "nobody has answered" in study(inputs, set_names("nmm-bim")).note
    [folder] = inputs.sets.out.glob("study-*")
    design = Study.load(folder / "key.json")
    given = [
        {"picture": name, "choice": trial.label if number else next(c for c in trial.choices if c != trial.label)}
        for number, (name, trial) in enumerate(design.trials.items())
    ]
    answers = folder / "answers"
    answers.mkdir()
    (answers / "a.json").write_text(json.dumps({"study": design.id, "group": 1, "subject": "a", "answers": given}))
    made = study(inputs, set_names("nmm-bim"))
    assert "95.0 % right" in made.note
    assert made.numbers["subjects"][0]["accuracy"] == 0.95
