"""Sealed documents: what comes back is what was sealed, however the file was laid out, or the damage is named."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactal.errors import DamagedObject
from reactal.store.envelope import seal, unseal

VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)),
    max_leaves=8,
)
NAMES = st.sampled_from(["a", "label", "structure", "zeta"])


@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_what_was_sealed_comes_back(document: dict[str, object]) -> None:
    assert unseal(seal(document, schema=1), schema=1, where="here") == document


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=4))
def test_the_layout_of_the_file_does_not_matter(document: dict[str, object]) -> None:
    """An editor that indents and sorts otherwise has changed nothing."""
    laid_out = json.loads(seal(document, schema=1))
    other = json.dumps(dict(reversed(laid_out.items())), indent=2, ensure_ascii=False)
    assert unseal(other.encode("utf-8", "surrogatepass"), schema=1, where="here") == document


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=4), st.data())
def test_a_changed_byte_is_named_or_means_the_same(document: dict[str, object], data: st.DataObject) -> None:
    sealed = bytearray(seal(document, schema=1))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    try:
        again = unseal(bytes(sealed), schema=1, where="label x")
    except DamagedObject as error:
        assert "label x" in str(error)
    else:
        assert again == document, "the last digit of a number may be another spelling of the same"


def test_a_hash_inside_the_document_is_not_taken_for_its_own() -> None:
    document = {"a": {"b": 1, "sha256": "0" * 64}}
    assert unseal(seal(document, schema=1), schema=1, where="here") == document
    moved = json.loads(seal(document, schema=1))
    moved["a"]["sha256"] = moved["sha256"]
    with pytest.raises(DamagedObject, match="here does not match its hash"):
        unseal(json.dumps(moved).encode(), schema=1, where="here")
