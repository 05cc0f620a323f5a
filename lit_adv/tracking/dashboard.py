"""W&B workspace and report that compare recorded runs."""

import json
from pathlib import Path
from typing import Any, Final

import wandb
import wandb_workspaces.reports.v2 as reports
import wandb_workspaces.workspaces as workspaces
from wandb_workspaces import expr

from lit_adv.errors import InputError
from lit_adv.files import expanded, write_json
from lit_adv.tracking.records import FIGURES, PICTURES, TABLE
from lit_adv.tracking.wandb_run import refusals

NAME: Final = "Perturbations compared"
TITLES: Final = {
    "cross/recognized": "perturbation recognized, mean of source models",
    "cross/auc": "area under the ROC curve, mean of source models",
    "cross/attack": "accuracy under attack, mean of source models",
    "recognized": "perturbation recognized (thesis Table 4.3)",
    "prior_off": "perturbation recognized, prior off",
    "auc": "area under the ROC curve",
    "attack_l2": "accuracy under attack, equal L2",
    "attack": "accuracy under attack (thesis Table 4.4)",
    "clean": "accuracy on clean images",
    "noise": "accuracy under random noise",
}
SHOWN_SETTINGS: Final = ("setting", "attack", "attack_epsilon", "sigma", "copies", "models", "targeted", "data", "zoo")


def wandb_dashboard(project: str, entity: str | None = None, dry_run: Path | None = None) -> None:
    """Builds a workspace and a report that compare the runs recorded in a Weights & Biases project.

    Args:
        project: name of the project, as given to --wandb.
        entity: user or team that owns it; by default the login's own.
        dry_run: JSON file to which the pages are written, in place of sending them; needs no login.
    """
    if dry_run is not None:
        write_json(expanded(dry_run), specification(entity or "", project))
        return
    with refusals():
        if not wandb.login(prompt=False):
            raise InputError("there is no login to W&B; run wandb login, or look at --dry-run FILE.json")
        entity = entity or wandb.Api().default_entity or ""
        view = workspace(entity, project)
        view.save()
        page = report(entity, project)
        page.save()
    print(f"workspace: {view.url}\nreport: {page.url}")


def specification(entity: str, project: str) -> dict[str, Any]:
    """Describes workspace and report as they are sent, but for the project's number, which only W&B knows."""
    pages: dict[str, workspaces.Workspace | reports.Report] = {
        "workspace": workspace(entity, project),
        "report": report(entity, project, runs_of=("", "")),
    }
    return {name: {"entity": entity, "project": project, **as_sent(page)} for name, page in pages.items()}


def as_sent(page: workspaces.Workspace | reports.Report) -> dict[str, Any]:
    """Returns the name and specification that W&B gets, by `_to_model`, which is private to wandb_workspaces."""
    model = page._to_model()
    spec = json.loads(model.spec.model_dump_json(by_alias=True, exclude_none=True))
    return {"name": model.display_name, "spec": spec}


def workspace(entity: str, project: str) -> workspaces.Workspace:
    """Makes the workspace: all runs by group and job type, with their figures and pictures."""
    return workspaces.Workspace(
        entity=entity,
        project=project,
        name=NAME,
        sections=[
            workspaces.Section(name="Figures", panels=figures(), is_open=True),
            workspaces.Section(name="Pictures", panels=[pictures()], is_open=True),
            workspaces.Section(name="Making the sets", panels=making(), is_open=False),
            workspaces.Section(name="Training the zoo", panels=training(), is_open=False),
        ],
        runset_settings=workspaces.RunsetSettings(
            filters=expr.And(expr.Metric("JobType").isin(["fit", "predict", "test"])),
            groupby=[expr.Metric("Group"), expr.Metric("JobType")],
            pinned_columns=[
                "run:displayName",
                "run:jobType",
                *(f"config:{key}.value" for key in SHOWN_SETTINGS),
                *(f"summary:{key}" for key in FIGURES),
            ],
        ),
    )


def report(entity: str, project: str, runs_of: tuple[str, str] | None = None) -> reports.Report:
    """Makes the report: a page to read, each part with the runs of its job type.

    Args:
        entity: user or team of the report.
        project: project of the report.
        runs_of: entity and project of the runs, which W&B looks up; by default those of the report.
    """
    owner, source = runs_of or (entity, project)

    def runs(job: str) -> reports.Runset:
        return reports.Runset(
            entity=owner, project=source, name=job, filters=expr.And(expr.Metric("JobType") == job), groupby=["group"]
        )

    return reports.Report(
        entity=entity,
        project=project,
        title=NAME,
        description="Which perturbations held-out networks recognize, how strong they are, and what they look like.",
        blocks=[
            reports.H1("Recognized, and under attack"),
            reports.P(
                "Means over test models that an attack did not use, and over source models that judge each other."
            ),
            reports.PanelGrid(runsets=[runs("test")], panels=figures()),
            reports.H1("Pictures"),
            reports.PanelGrid(runsets=[runs("test"), runs("predict")], panels=[pictures()]),
            reports.H1("How the sets were made"),
            reports.PanelGrid(runsets=[runs("predict")], panels=making()),
            reports.H1("How the zoo was trained"),
            reports.PanelGrid(runsets=[runs("fit")], panels=training()),
        ],
        width="fluid",
    )


def figures() -> list[Any]:
    """Makes bars for the runs of `test`, also by setting and by attack, and the table of all judges."""
    bars = [reports.BarPlot(title=title, metrics=[key], range_x=(0, 1)) for key, title in TITLES.items()]
    grouped = [
        reports.BarPlot(
            title=f"{key}, by {setting}", metrics=[key], range_x=(0, 1), groupby=reports.Config(setting),
            groupby_aggfunc="mean",
        )
        for key in ("recognized", "attack")
        for setting in ("setting", "attack")
    ]  # fmt: skip
    parallel = reports.ParallelCoordinatesPlot(
        columns=[
            *(reports.ParallelCoordinatesPlotColumn(reports.Config(key)) for key in SHOWN_SETTINGS[:6]),
            *(reports.ParallelCoordinatesPlotColumn(reports.SummaryMetric(key)) for key in ("attack", "recognized")),
        ]
    )
    return [*bars, *grouped, parallel, reports.WeavePanelSummaryTable(table_name=TABLE)]


def pictures() -> reports.MediaBrowser:
    """Shows images, perturbations and adversarial examples, a row for each run."""
    return reports.MediaBrowser(
        title="pictures", media_keys=list(PICTURES), mode="grid", grid_x_axis="index", grid_y_axis="run",
        layout=reports.Layout(w=24, h=20),
    )  # fmt: skip


def making() -> list[Any]:
    """Makes bars for the cost of the sets and the size of the perturbations."""
    return [
        reports.BarPlot(title=key.replace("_", " "), metrics=[key])
        for key in ("perturbations", "seconds", "perturbations_per_second", "delta_mean_abs")
    ]


def training() -> list[Any]:
    """Makes curves of the training, and bars of the accuracy on test images."""
    curves = [
        reports.LinePlot(title=key.replace("_", " "), x="trainer/global_step", y=[key])
        for key in ("train_loss", "train_accuracy")
    ]
    return [*curves, reports.BarPlot(title="accuracy on test images", metrics=["accuracy"])]
