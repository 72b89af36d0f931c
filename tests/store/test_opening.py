"""A store from its URL, and the refusal of servers that cannot keep two writers apart."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reactal.errors import ConditionalWritesUnsupported, InputError, StoreUnavailable
from reactal.store.opening import open_store, require_writable
from tests.store.s3_servers import Proxy, S3Server


def test_folders_by_path_and_by_url_are_the_same_store(tmp_path: Path) -> None:
    folder = tmp_path / "with space + 100%"
    open_store(str(folder)).put("key", b"data")
    again = open_store(open_store(str(folder)).url)
    assert again.get("key") == b"data"
    assert again.url == f"file://{tmp_path}/with%20space%20%2B%20100%25"


def test_memory_is_shared_by_name() -> None:
    open_store("memory://opening-a").put("key", b"data")
    assert open_store("memory://opening-a").get("key") == b"data"
    assert list(open_store("memory://opening-b").list("")) == []


@pytest.mark.parametrize("url", ["http://host/store", "ftp://x", "", "file://"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(InputError, match=r"write a (path|folder)"):
        open_store(url)


def test_writable_is_found_out_and_leaves_nothing(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    require_writable(store)
    assert list(store.list("")) == []
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreUnavailable):
        require_writable(open_store(str(tmp_path / "file")))


@pytest.mark.server
def test_a_server_with_conditional_writes_is_taken_and_left_clean(moto: S3Server) -> None:
    store = open_store(moto.new_bucket())
    assert list(store.list("")) == []
    store.put("key", b"data")
    assert store.get("key") == b"data"


@pytest.mark.server
def test_a_server_without_conditional_writes_is_refused(rclone: S3Server) -> None:
    url = rclone.new_bucket()
    for _ in range(2):  # a refusal is not remembered as trust
        with pytest.raises(ConditionalWritesUnsupported, match=r"ignores If-None-Match.*set `single_writer: true`") as caught:
            open_store(url)
    assert url in str(caught.value)
    assert caught.value.exit_code == 2
    store = open_store(url, single_writer=True)
    assert list(store.list("")) == []
    assert [store.put_if_absent("key", b"1"), store.put_if_absent("key", b"2")] == [True, False]


@pytest.mark.server
@pytest.mark.parametrize(
    "plan", [[("PUT", ""), ("PUT", "condition")], [("POST", ""), ("POST", "condition")]], ids=["whole", "in parts"]
)
def test_a_server_that_ignores_the_condition_in_one_place_is_refused(
    moto: S3Server, proxy: Proxy, plan: list[tuple[str, str]]
) -> None:
    proxy.plan = plan
    with pytest.raises(ConditionalWritesUnsupported):
        open_store(moto.new_bucket().replace(moto.endpoint, proxy.endpoint))
    assert proxy.plan == []


def test_opening_a_folder_loads_nothing_heavy() -> None:
    code = (
        "import sys; from reactal.store.opening import open_store; open_store('x');"
        "print(*sorted({'boto3', 'numpy', 'pyarrow', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
