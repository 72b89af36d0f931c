"""What stages share: random numbers that depend on nothing but their purpose, and objects that must be there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from reactal.chem import LabelFailure
from reactal.errors import DamagedObject
from reactal.stages.bench import Bench
from tests.stages.geometries import REACTANT, SADDLE, pool_of


def drawn(bench: Bench, *purpose: object) -> list[int]:
    return bench.rng(*purpose).integers(1 << 30, size=4).tolist()


def test_random_numbers_do_not_depend_on_what_was_drawn_before(bench: Bench) -> None:
    first = drawn(bench, "explore", 1)
    drawn(bench, "select", 1)
    bench.rng("explore", 1).random(1000)
    assert drawn(bench, "explore", 1) == first


@pytest.mark.parametrize("other", [("explore", 2), ("select", 1), ("explore",), ("explore", 1, 0), ("explore1",)])
def test_each_purpose_has_its_own(bench: Bench, other: tuple[object, ...]) -> None:
    assert drawn(bench, *other) != drawn(bench, "explore", 1)


def test_each_seed_has_its_own(bench: Bench) -> None:
    elsewhere = replace(bench, config=bench.config.model_copy(update={"seed": 1}))
    assert drawn(elsewhere, "explore", 1) != drawn(bench, "explore", 1)


def test_a_label_that_is_gone_is_named(bench: Bench) -> None:
    for ask in (bench.label_of, bench.structure_of):
        with pytest.raises(DamagedObject, match=f"{SADDLE.key} is no longer in memory://"):
            ask(SADDLE.key)


def test_a_failure_is_no_label(bench: Bench) -> None:
    bench.labels.put(LabelFailure(REACTANT.key, bench.theory.fingerprint, "crashed", "it died"), REACTANT)
    with pytest.raises(DamagedObject):
        bench.label_of(REACTANT.key)


def damaged_pool(bench: Bench) -> Callable[[], object]:
    name = bench.pools.put(pool_of([SADDLE], ["path"]))
    key = f"campaigns/{bench.config.name}/pools/{name}.parquet"
    bench.objects.put(key, bench.objects.get(key)[:-1] + b"!")
    return lambda: bench.pools.get(name)


def damaged_model(bench: Bench) -> Callable[[], object]:
    name = bench.models.put({"model.json": b"{}", "member-00.safetensors": b"weights"})
    bench.objects.put(f"campaigns/{bench.config.name}/models/{name}/member-00.safetensors", b"waghts!")
    return lambda: bench.models.get(name)


def damaged_list_of_files(bench: Bench) -> Callable[[], object]:
    name = bench.models.put({"model.json": b"{}"})
    bench.objects.put(f"campaigns/{bench.config.name}/models/{name}/files.json", b"{}")
    return lambda: bench.models.get(name)


@pytest.mark.parametrize(
    ("damage", "named"),
    [(damaged_pool, r"pools/\w+\.parquet"), (damaged_model, "member-00.safetensors"), (damaged_list_of_files, "files.json")],
)
def test_damage_is_named(bench: Bench, damage: Callable[[Bench], Callable[[], object]], named: str) -> None:
    read = damage(bench)
    with pytest.raises(DamagedObject, match=rf"{named} in memory://\w+ is not as it was written; restore it"):
        read()


def test_what_is_kept_comes_back_under_the_name_of_its_bytes(bench: Bench) -> None:
    files = {"model.json": b"{}", "member-00.safetensors": b"weights"}
    assert bench.models.get(bench.models.put(files)) == files
    assert bench.models.put(files) == bench.models.put(dict(reversed(files.items())))
    pool = pool_of([SADDLE, REACTANT], ["path", "path"])
    name = bench.pools.put(pool)
    assert bench.pools.put(bench.pools.get(name)) == name
    assert bench.pools.get(name).energy.tolist() == pool.energy.tolist()
