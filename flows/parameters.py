"""What flows are asked: the forms on Prefect's pages, checked where a run is submitted."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["CampaignRequest", "CommandRequest", "ExploreRequest", "LabelRequest", "TrainRequest", "ValidateRequest"]

Text = Annotated[str, Field(min_length=1)]
CampaignFile = Annotated[
    str,
    Field(
        pattern=r"\.ya?ml$",
        title="Campaign file",
        description="Its path on the machine that carries the run out; `reactal init` writes one.",
    ),
]
Setting = Annotated[str, Field(pattern=r"^[\w-]+(\.[\w-]+)*=")]
Store = Annotated[
    str,
    Field(
        min_length=1,
        title="Store",
        description="A folder, or s3://bucket/prefix?endpoint=https://host; credentials from outside.",
    ),
]
Minutes = Annotated[
    float | None,
    Field(
        gt=0,
        title="Time limit",
        description="Minutes, after which it is stopped. Empty: none.",
        json_schema_extra={"position": 99},  # the last on the page
    ),
]


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CampaignRequest(_Form):
    """Which campaign, and what of its file is set otherwise."""

    model_config = ConfigDict(title="Campaign")

    campaign_file: CampaignFile
    settings: Annotated[
        tuple[Setting, ...],
        Field(title="Settings", description="Of the file, set otherwise for this run: budget.labels=50, resources.slots=8."),
    ] = ()


class CommandRequest(_Form):
    """What one command of `reactal` is asked. Fields are its options, and `places` its arguments in their order."""

    places: ClassVar[tuple[str, ...]] = ()
    words: ClassVar[dict[str, str]] = {}
    """Options that are called otherwise than their field."""

    minutes: Minutes = None

    def arguments(self) -> list[str]:
        """As on the command line. Values stay values, whatever they begin with."""
        options: list[str] = []
        for name, value in self:
            if name in (*self.places, "minutes") or value is None or value is False:
                continue
            option = self.words.get(name, f"--{name.replace('_', '-')}")
            values = value if isinstance(value, tuple) else (value,)
            options += [option if one is True else f"{option}={one}" for one in values]
        return [*options, "--", *(str(getattr(self, place)) for place in self.places)]


class LabelRequest(CommandRequest):
    """Reference energies and forces for geometries."""

    model_config = ConfigDict(title="Label")
    places: ClassVar[tuple[str, ...]] = ("frames",)

    frames: Annotated[Text, Field(title="Geometries", description="A file in any format that ASE reads.")]
    theory: Annotated[
        str, Field(pattern=r"^[^/]+/.+$", title="Theory", description="method/basis, as the program spells them: hf/6-31g*.")
    ]
    out: Annotated[Text, Field(title="Output", description="A file: .extxyz .xyz .traj .db .h5 .npy .parquet.")]
    program: Annotated[Literal["psi4", "pyscf", "xtb", "qcengine", "ase", "pool", "teacher"], Field(title="Program")] = "psi4"
    charge: Annotated[int | None, Field(title="Charge", description="Empty: the file's own, else 0.")] = None
    multiplicity: Annotated[
        str | None, Field(pattern=r"^(lowest|[1-9]\d*)$", title="Multiplicity", description="A number, or lowest.")
    ] = None
    slots: Annotated[int, Field(ge=0, title="Slots", description="Programs side by side; 0: one for each core.")] = 0
    cluster: Annotated[str, Field(title="Cluster", description="none, or a YAML file with a section `cluster`.")] = "none"
    store: Store = ".reactal/store"


class TrainRequest(CommandRequest):
    """A committee from labelled geometries."""

    model_config = ConfigDict(title="Train")
    places: ClassVar[tuple[str, ...]] = ("dataset",)
    words: ClassVar[dict[str, str]] = {"start": "--from"}

    dataset: Annotated[Text, Field(title="Data set", description="NAME or NAME@VERSION in the store, or a labelled file.")]
    out: Annotated[Text, Field(title="Output", description="A folder for the model.")]
    members: Annotated[int, Field(ge=1, le=64, title="Members", description="Networks in the committee.")] = 4
    steps: Annotated[int | None, Field(ge=1, title="Steps", description="Of the optimiser; empty: the default.")] = None
    hold_out: Annotated[float, Field(ge=0, le=0.5, title="Held out", description="Share kept out of training.")] = 0.1
    start: Annotated[str | None, Field(title="Start from", description="A model's folder or URL; empty: from scratch.")] = None
    campaign: Annotated[
        CampaignFile | None, Field(title="Settings from", description="A campaign file whose model and training it takes.")
    ] = None
    checkpoints: Annotated[
        int, Field(ge=0, title="Checkpoints", description="Every so many steps, to go on from when it was killed; 0: none.")
    ] = 200
    seed: Annotated[int, Field(ge=0, title="Seed")] = 0
    store: Store = ".reactal/store"


class ExploreRequest(CommandRequest):
    """Candidates from dynamics on a model."""

    model_config = ConfigDict(title="Explore")
    places: ClassVar[tuple[str, ...]] = ("model",)
    words: ClassVar[dict[str, str]] = {"frames": "--from"}

    model: Annotated[Text, Field(title="Model", description="A folder or URL of a model, or a campaign file.")]
    frames: Annotated[Text, Field(title="Starting geometries", description="A file in any format that ASE reads.")]
    out: Annotated[Text, Field(title="Output", description="A file: .parquet, .extxyz, .db.")]
    method: Annotated[
        Literal["dynamics", "metadynamics", "umbrella", "steered", "uncertainty", "exchange"], Field(title="Method")
    ] = "dynamics"
    replicas: Annotated[int, Field(ge=1, title="Replicas")] = 32
    length: Annotated[float, Field(gt=0, title="Length", description="Of each replica, fs.")] = 500.0
    timestep: Annotated[float, Field(gt=0, title="Time step", description="fs.")] = 0.5
    temperature: Annotated[float, Field(ge=0, title="Temperature", description="K.")] = 300.0
    seed: Annotated[int, Field(ge=0, title="Seed")] = 0


class ValidateRequest(CommandRequest):
    """What a model can be trusted with."""

    model_config = ConfigDict(title="Validate")
    places: ClassVar[tuple[str, ...]] = ("model",)

    model: Annotated[Text, Field(title="Model", description="A campaign file, a model's folder or URL, or gfn2, gfn1.")]
    against: Annotated[
        tuple[Text, ...],
        Field(title="Against", description="Labelled files, data sets NAME@VERSION, or barriers:FOLDER. Empty: its own."),
    ] = ()
    out: Annotated[str | None, Field(title="Output", description="A JSON file for everything found; empty: none.")] = None
    label: Annotated[
        bool, Field(title="New labels", description="Let the reference compute Hessians at the stationary points.")
    ] = False
    dynamics: Annotated[float | None, Field(ge=0, title="Dynamics", description="Length of each run in fs; 0: none.")] = None
    store: Store = ".reactal/store"
