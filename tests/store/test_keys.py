"""No name that a user gives leads out of the place it is meant for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reactal.config import load_config
from reactal.errors import ConfigError, InputError
from reactal.store.datasets import DatasetStore
from reactal.store.keys import check_key, check_prefix
from reactal.store.local import LocalStore
from reactal.store.memory import MemoryStore
from reactal.store.opening import url_below
from reactal.store.s3_location import S3Location
from tests.campaigns import leps_campaign
from tests.store.samples import labelled

PIECES = st.sampled_from(
    ["..", ".", "/", "\\", "~", "a", "%2e%2e", "\0", "\n", "*", "$HOME", "..%2f", "é", "C:", "?endpoint=http://x", "#", " "]
)
NAMES = st.one_of(st.text(max_size=30), st.lists(PIECES, max_size=8).map("".join))
AWAY = ("..", "../other", "/etc/passwd", "a/../../other", "a//b", "")


def named(function, *arguments: str) -> str | None:
    """What it makes of the name; None where it refuses it in the words that it promises."""
    try:
        return function(*arguments)
    except (ValueError, InputError):
        return None


@given(NAMES)
@example("../other")
@example("a/../../other")
def test_a_key_stays_below_the_folder_of_the_store(key: str) -> None:
    store = LocalStore("/srv/store")
    if named(check_key, key) is None:
        for use in (store.get, store.delete, lambda name: store.put(name, b""), lambda name: store.put_if_absent(name, b"")):
            with pytest.raises(ValueError, match="is no key"):
                use(key)
    else:
        below = os.path.normpath(store.root / key)
        assert below.startswith("/srv/store/")
        assert Path(below) == store.root / key


@given(NAMES)
@example("../other")
@example("..")
def test_a_key_and_a_prefix_stay_below_the_prefix_of_the_bucket(key: str) -> None:
    location = S3Location("bucket", "group/project")
    for check in (check_key, check_prefix):
        if (name := named(check, key)) is not None:
            full = location.full(name)
            assert full.startswith("group/project/")
            assert ".." not in full.split("/")[:-1]
            if check is check_key:
                assert location.key(full) == key
                assert url_below(location.url, key) == f"s3://bucket/group/project/{key}"


@given(NAMES)
@example("../other")
def test_the_name_of_a_data_set_is_one_folder(name: str) -> None:
    objects = MemoryStore()
    try:
        DatasetStore(objects).commit(name, labelled(1))
    except (InputError, ValueError):
        assert list(objects.list("")) == []
    else:
        assert all(key.split("/")[:2] == ["datasets", name] and len(key.split("/")) == 4 for key in objects.list(""))


@pytest.mark.parametrize("name", AWAY)
def test_the_name_of_a_campaign_is_one_word(name: str, tmp_path: Path) -> None:
    file = leps_campaign(tmp_path, name=name)
    with pytest.raises(ConfigError, match="name"):
        load_config(file)


@given(NAMES)
@example("..")
def test_a_place_in_s3_is_refused_where_its_prefix_is_none(prefix: str) -> None:
    try:
        location = S3Location.parse(f"s3://bucket/{prefix}")
    except (InputError, ValueError):
        return
    assert ".." not in location.prefix.split("/")
    assert location.bucket == "bucket"
