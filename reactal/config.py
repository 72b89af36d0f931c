"""The campaign file: read, merged over the defaults, checked, and compared with what a campaign began with."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, cast, final

import yaml
from pydantic import Field, ValidationError

from reactal.chem import Structure, Theory
from reactal.chem.elements import formula
from reactal.clusters import Cluster, refuse_unknown_words
from reactal.errors import ConfigError, MismatchedEnds
from reactal.explorers import Explorers
from reactal.learning import Training
from reactal.monitoring import Monitoring
from reactal.resources import Resources
from reactal.secrecy import scrubbed
from reactal.sections import (
    Breaker,
    Budget,
    CalibrationSection,
    Count,
    Exploration,
    Goals,
    MlflowTracking,
    Model,
    NoTracking,
    Section,
    Seeding,
    SelectionSection,
    TheorySection,
    Verification,
)

__all__ = ["CampaignConfig", "defaults", "load_config", "load_resolved", "minimal_campaign", "science_changes"]


@final
class CampaignConfig(Section):
    """A whole campaign file, resolved: defaults filled in, geometries read. What it cannot be, it does not become."""

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,80}$")]
    reactant: dict[str, Any]
    product: dict[str, Any]
    charge: int
    multiplicity: Count
    seed: Annotated[int, Field(ge=0)]
    theory: TheorySection
    seeding: Seeding
    model: Model
    training: Training
    exploration: Exploration
    explorers: Explorers
    selection: SelectionSection
    calibration: CalibrationSection
    verification: Verification
    validation: Goals
    budget: Budget
    breaker: Breaker
    store: str
    single_writer: bool
    resources: Resources
    cluster: Cluster
    tracking: Annotated[MlflowTracking | NoTracking, Field(discriminator="kind")]
    # not written where there is none, so that files of campaigns without it stay what they were
    monitoring: Monitoring = Field(default=Monitoring(), exclude_if=lambda value: value == Monitoring())

    @property
    def ends(self) -> tuple[Structure, Structure]:
        return Structure.from_json(self.reactant), Structure.from_json(self.product)

    def canonical(self) -> dict[str, Any]:
        return self.model_dump(mode="json", by_alias=True)

    def yaml(self) -> str:
        """The resolved file; `load_config` reads it back to an equal configuration."""
        return yaml.safe_dump(self.canonical(), sort_keys=False)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.yaml().encode()).hexdigest()

    def science(self) -> dict[str, Any]:
        """The part that decides numbers, flat: `training.batch` -> value."""
        kept = {k: v for k, v in self.canonical().items() if k not in _NOT_SCIENCE}
        return {key: value for key, value in _flat(kept) if key not in _NOT_SCIENCE}


_NOT_SCIENCE = frozenset(
    {"schema", "name", "store", "single_writer", "resources", "cluster", "tracking", "monitoring"}
    | {"budget", "breaker", "validation"}
    | {"verification.legs", "training.checkpoint_steps", "training.trainer.profiler", "training.trainer.detect_anomaly"}
    | {"training.trainer.callbacks"}
)


def _flat(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in tree.items():
        if isinstance(value, Mapping) and prefix + key not in ("reactant", "product"):
            rows += _flat(value, f"{prefix}{key}.")
        elif prefix + key in ("reactant", "product"):
            rows.append((prefix + key, Structure.from_json(dict(value)).key[:16]))
        else:
            rows.append((prefix + key, value))
    return rows


def science_changes(old: CampaignConfig, new: CampaignConfig) -> list[str]:
    """The differences that would change numbers, a line each: `training.batch: 10 -> 20`."""
    before, after = old.science(), new.science()
    keys = list(dict.fromkeys([*before, *after]))
    return [
        f"{key}: {json.dumps(before.get(key))} -> {json.dumps(after.get(key))}"
        for key in keys
        if before.get(key) != after.get(key)
    ]


@cache
def _defaults_text() -> str:
    return files("reactal").joinpath("defaults.yaml").read_text(encoding="utf-8")


def defaults() -> dict[str, Any]:
    """A fresh copy of reactal/defaults.yaml as a tree."""
    return cast(dict[str, Any], yaml.safe_load(_defaults_text()))


def _merge(base: dict[str, Any], change: Mapping[str, Any], *, where: str = "") -> dict[str, Any]:
    out = dict(base)
    for key, value in change.items():
        path = f"{where}{key}"
        if isinstance(value, Mapping) and isinstance(out.get(key), dict) and path not in ("reactant", "product"):
            out[key] = _merge(out[key], value, where=f"{path}.")
        else:
            out[key] = value
    return out


def _set(tree: dict[str, Any], assignment: str) -> None:
    path, equals, text = assignment.partition("=")
    if not equals:
        raise ConfigError(f"--set {assignment!r} is not of the form key=value, for example budget.labels=50")
    *sections, last = path.strip().split(".")
    here = tree
    for section in sections:
        here = here.setdefault(section, {})
        if not isinstance(here, dict):
            raise ConfigError(f"--set {assignment!r}: {section} is a value, not a section")
    here[last] = yaml.safe_load(text)


def load_config(path: str | Path, *, settings: Sequence[str] = ()) -> CampaignConfig:
    """Read a campaign file, fill in the defaults and check everything that can be checked without a calculation."""
    file = Path(path)
    if not file.is_file():
        raise ConfigError(f"there is no campaign file {file}; `reactal init` writes one")
    try:
        given = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"{file} is not readable YAML: {' '.join(str(error).split())}") from error
    if not isinstance(given, dict):
        raise ConfigError(f"{file} must hold keys and values; `reactal init` writes one that does")
    for assignment in settings:
        _set(given, assignment)
    return resolve(given, base=file.resolve().parent, source=str(file))


def load_resolved(text: bytes) -> CampaignConfig:
    """What `CampaignConfig.yaml` wrote, by this version or one that knew fewer settings."""
    tree, known = yaml.safe_load(text), defaults()
    # what came later, and is other science
    known["theory"]["keywords"] = {}
    known["training"]["baseline"] = "none"
    return CampaignConfig.model_validate(_merge(known, tree))


def resolve(given: Mapping[str, Any], *, base: Path, source: str) -> CampaignConfig:
    """Campaign settings as a tree; file names in it are relative to `base`."""
    given = dict(given)
    if isinstance(given.get("theory"), str):
        parsed = Theory.parse(given["theory"])
        given["theory"] = {"method": parsed.method, "basis": parsed.basis}
    tree = _merge(_defaults_for(given.get("theory")), given)
    tree.setdefault("name", base.name)
    _refuse_unknown_keys(tree, source)
    for end in ("reactant", "product"):
        if end not in tree:
            raise ConfigError(f"{source}: no {end} is given; write `{end}: file.xyz`")
        if isinstance(tree[end], str):
            tree[end] = _read_end(tree, end, base)
    tree["store"] = _absolute_store(tree["store"], base)
    if isinstance(tree["training"], dict):
        tree["training"]["start_from"] = _absolute_store(tree["training"]["start_from"], base)
    try:
        config = CampaignConfig.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        # the second word of a place in a section of several kinds is the kind
        place = [part for at, part in enumerate(first["loc"]) if at != 1 or first["loc"][0] not in ("cluster", "tracking")]
        where = ".".join(map(str, place))
        raise ConfigError(f"{source}: {where}: {first['msg']} (given: {scrubbed(str(first.get('input')))[:60]})") from error
    config.theory.theory()
    check_ends(*config.ends)
    return config


def _defaults_for(theory: Any) -> dict[str, Any]:
    """The defaults, whose keywords mean nothing to another program than theirs."""
    tree = defaults()
    if isinstance(theory, Mapping) and theory.get("program", tree["theory"]["program"]) != tree["theory"]["program"]:
        tree["theory"]["keywords"] = {}
    return tree


def _read_end(tree: Mapping[str, Any], end: str, base: Path) -> dict[str, Any]:
    from reactal.chem.convert import read_structure

    charge, multiplicity = tree["charge"], tree["multiplicity"]
    if not (isinstance(charge, int) and isinstance(multiplicity, int)):
        raise ConfigError(f"charge and multiplicity must be whole numbers, not {charge!r} and {multiplicity!r}")
    return read_structure(base / tree[end], charge=charge, multiplicity=multiplicity).as_json()


def _absolute_store(store: Any, base: Path) -> Any:
    if isinstance(store, str) and "://" not in store:
        return str((base / Path(store).expanduser()).resolve())
    return store


def _refuse_unknown_keys(tree: Mapping[str, Any], source: str) -> None:
    known = {**defaults(), "name": "", "reactant": "", "product": ""}
    for key, value in tree.items():
        _known(key, known, source, "")
        section = known[key]
        if isinstance(section, dict) and isinstance(value, Mapping) and key not in ("cluster", "tracking", "theory"):
            for name in value:
                _known(name, section, source, f"{key}.")
    if isinstance(tree["cluster"], Mapping):
        refuse_unknown_words(tree["cluster"], source)


def _known(key: str, among: Mapping[str, Any], source: str, prefix: str) -> None:
    if key in among:
        return
    near = difflib.get_close_matches(str(key), list(among), n=1)
    hint = f"did you mean {prefix}{near[0]}?" if near else f"known are: {', '.join(among)}"
    raise ConfigError(f"{source}: unknown key {prefix}{key}; {hint}")


def check_ends(reactant: Structure, product: Structure) -> None:
    """Reactant and product must be the same atoms in the same order; the error offers the order that would fit."""
    if reactant.charge != product.charge or reactant.multiplicity != product.multiplicity:
        raise MismatchedEnds("reactant and product differ in charge or multiplicity; one campaign has one of each")
    if sorted(reactant.numbers) != sorted(product.numbers):
        raise MismatchedEnds(
            f"reactant ({formula(reactant.numbers)}) and product ({formula(product.numbers)}) have different atoms; "
            "a reaction keeps them all"
        )
    if reactant.numbers != product.numbers:
        raise MismatchedEnds(
            f"reactant ({' '.join(reactant.symbols)}) and product ({' '.join(product.symbols)}) list their atoms in a "
            f"different order; one order of the product's atoms that fits is {_offered_order(reactant, product)}"
        )
    if reactant.key == product.key:
        raise MismatchedEnds("reactant and product are the same geometry; there is no reaction between them")


def _offered_order(reactant: Structure, product: Structure) -> list[int]:
    left: dict[int, list[int]] = {}
    for index, number in enumerate(product.numbers):
        left.setdefault(number, []).append(index + 1)
    return [left[number].pop(0) for number in reactant.numbers]


def minimal_campaign(*, name: str, reactant: str, product: str, charge: int, multiplicity: int, theory: str) -> str:
    """What `reactal init` writes."""
    Theory.parse(theory)
    return "\n".join(
        [
            f"# {name}: every other setting has a default; `reactal init --all` writes them out with what they mean.",
            f"name: {name}",
            f"reactant: {reactant}",
            f"product: {product}",
            f"charge: {charge}",
            f"multiplicity: {multiplicity}",
            f"theory: {theory}",
            "budget:",
            "  labels: 150",
            "",
        ]
    )
