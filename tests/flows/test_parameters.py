"""What flows are asked: checked where it is submitted, shown with titles, and the same as the command line's options."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError
from typer.main import get_command

from flows.deployments import deployments
from flows.parameters import CampaignRequest, CommandRequest, ExploreRequest, LabelRequest, TrainRequest, ValidateRequest
from flows.pools import KINDS
from reactal.cli.main import app

ROOT = Path(__file__).parents[2]
ASKED: dict[str, CommandRequest] = {
    "label": LabelRequest(frames="-a.xyz", theory="hf/6-31g*", out="b.h5", charge=-1, multiplicity="lowest", minutes=5),
    "train": TrainRequest(dataset="sn2@4", out="model", start="other", campaign="c.yaml", steps=10),
    "explore": ExploreRequest(model="model", frames="ends.xyz", out="pool.parquet", method="umbrella"),
    "validate": ValidateRequest(model="c.yaml", against=("a.xyz", "b.xyz"), label=True, dynamics=0.0),
}


@pytest.mark.parametrize("name", ASKED)
def test_a_request_is_what_the_command_takes(name: str) -> None:
    command = get_command(app).commands[name]  # type: ignore[attr-defined]
    request = ASKED[name]
    given = command.make_context(name, request.arguments()).params
    for field, value in request:
        if field != "minutes":
            option = next(key for key in (request.words.get(field, field).lstrip("-"), field) if key in given)
            assert str(list(value) if isinstance(value, tuple) else value) == str(
                given[option] if given[option] is not None else None
            ), field


@pytest.mark.parametrize(
    ("model", "given"),
    [
        (CampaignRequest, {"campaign_file": "notes.txt"}),
        (CampaignRequest, {"campaign_file": "c.yaml", "settings": ["budget.labels 50"]}),
        (CampaignRequest, {"campaign_file": "c.yaml", "file": "d.yaml"}),
        (LabelRequest, {"frames": "a.xyz", "theory": "hf", "out": "b.h5"}),
        (TrainRequest, {"dataset": "a", "out": "m", "hold_out": 0.9}),
        (ExploreRequest, {"model": "m", "frames": "a", "out": "p", "method": "guessing"}),
        (ValidateRequest, {"model": "m", "minutes": 0}),
    ],
)
def test_mistakes_are_refused(model: type[BaseModel], given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(given)


def test_every_parameter_has_a_title_and_most_say_what_they_mean() -> None:
    for made in deployments(ROOT / "prefect.yaml"):
        schema = made._parameter_openapi_schema
        for form in schema.definitions.values():
            for name, field in form.get("properties", {}).items():
                assert field.get("title"), f"{made.name}: {name}"


def test_the_campaign_of_the_command_line_takes_the_place_of_the_files() -> None:
    made = {one.name: one for one in deployments(ROOT / "prefect.yaml", campaign_file="mine.yaml")}
    assert set(made) == {"campaign", "nightly-refine", "compare", "density", "label", "train", "explore", "validate"}
    assert "mine.yaml" in json.dumps(made["campaign"].parameters) and "examples" not in json.dumps(made["campaign"].parameters)
    assert "mine.yaml" in json.dumps(made["nightly-refine"].parameters)


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_template_asks_for_all_that_it_names(kind: str) -> None:
    template = json.loads((ROOT / "infra" / "prefect" / f"{kind}.json").read_text())
    text = json.dumps(template["job_configuration"])
    named = {part.split("}}")[0].strip() for part in text.split("{{")[1:]}
    assert named <= set(template["variables"]["properties"]), "Prefect fills in what is among the variables"
    assert "secret" not in json.dumps(template["variables"]["properties"].get("env", {}).get("default", {})).lower()
