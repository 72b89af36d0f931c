"""S3 under faults: answers lost, cut and refused; parts; wrong credentials, buckets, clocks."""

from __future__ import annotations

import json
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import botocore.auth
import pytest

from reactal.errors import CredentialsRejected, InputError, ObjectNotFound, StoreUnavailable
from reactal.store.s3 import S3Options, S3Store
from reactal.store.s3_client import configured_options, s3_client
from reactal.store.s3_location import S3Location
from tests.ports import free_port
from tests.store.s3_servers import Proxy, S3Server

pytestmark = pytest.mark.server

MIB = 1 << 20
QUICK = S3Options(first_wait=0.01, longest_wait=0.02, attempts=4, connect_timeout=2, read_timeout=10)
IN_PARTS = S3Options(first_wait=0.01, longest_wait=0.02, attempts=4, multipart_from=MIB, part_size=5 * MIB)
LARGE = os.urandom(11 * MIB)
LOST = ["lose", "drop", "500 InternalError", "503 SlowDown", "429 TooManyRequests"]


@pytest.fixture
def bucket(moto: S3Server) -> S3Location:
    return S3Location.parse(moto.new_bucket())


def through(proxy: Proxy, bucket: S3Location, options: S3Options = QUICK) -> S3Store:
    return S3Store(S3Location(bucket.bucket, bucket.prefix, proxy.endpoint), options)


def unfinished_uploads(moto: S3Server, bucket: S3Location) -> list[object]:
    return moto.client().list_multipart_uploads(Bucket=bucket.bucket).get("Uploads", [])


# -- faults that pass -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [*LOST, "409 ConditionalRequestConflict"])
def test_our_own_write_is_not_taken_for_anothers(proxy: Proxy, bucket: S3Location, fault: str) -> None:
    store = through(proxy, bucket)
    proxy.plan = [("PUT", fault)]
    assert store.put_if_absent("key", b"ours") is True
    assert store.put_if_absent("key", b"ours") is False, "another call is another writer, even with the same bytes"
    assert store.get("key") == b"ours"
    assert proxy.plan == []


@pytest.mark.parametrize("fault", LOST)
def test_a_retry_does_not_win_over_another_writer(proxy: Proxy, bucket: S3Location, fault: str) -> None:
    S3Store(bucket).put("key", b"theirs")
    proxy.plan = [("PUT", fault)]
    assert through(proxy, bucket).put_if_absent("key", b"ours") is False
    assert S3Store(bucket).get("key") == b"theirs"


@pytest.mark.parametrize(
    ("method", "fault"), [("POST", "lose"), ("PUT", "lose"), ("PUT", "503 SlowDown"), ("POST", "500 InternalError")]
)
def test_parts_survive_faults(proxy: Proxy, bucket: S3Location, moto: S3Server, method: str, fault: str) -> None:
    store = through(proxy, bucket, IN_PARTS)
    proxy.plan = [(method, fault), ("POST", "lose")]
    assert store.put_if_absent("key", LARGE) is True
    assert store.get("key") == LARGE
    assert proxy.plan == []


def test_a_conflict_at_the_end_sends_the_parts_again(proxy: Proxy, bucket: S3Location, moto: S3Server) -> None:
    proxy.plan = [("POST", ""), ("POST", "409 ConditionalRequestConflict")]
    assert through(proxy, bucket, IN_PARTS).put_if_absent("key", LARGE) is True
    assert proxy.seen.count("PUT") == 6, "three parts, twice"
    assert unfinished_uploads(moto, bucket) == []


@pytest.mark.parametrize("fault", [*LOST, "cut"])
def test_reading_is_tried_again(proxy: Proxy, bucket: S3Location, fault: str) -> None:
    S3Store(bucket).put("key", LARGE)
    proxy.plan = [("GET", fault), ("GET", fault)]
    assert through(proxy, bucket).get("key") == LARGE
    assert proxy.seen == ["GET"] * 3


# -- faults that stay -------------------------------------------------------------------------------------------------


def test_a_server_that_stays_overloaded_is_named(proxy: Proxy, bucket: S3Location) -> None:
    proxy.plan = [("PUT", "503 SlowDown")] * 10
    with pytest.raises(StoreUnavailable, match=f"object some/key cannot be written: s3://{bucket.bucket} at .* SlowDown"):
        through(proxy, bucket).put("some/key", b"")
    assert proxy.seen == ["PUT"] * QUICK.attempts


@pytest.mark.parametrize("fault", ["500 InternalError", "403 AccessDenied"])
def test_a_failed_upload_leaves_no_parts_behind(proxy: Proxy, bucket: S3Location, moto: S3Server, fault: str) -> None:
    store = through(proxy, bucket, IN_PARTS)
    proxy.plan = [("PUT", fault)] * 12
    with pytest.raises(StoreUnavailable, match="object key cannot be written"):
        store.put("key", LARGE)
    assert "DELETE" in proxy.seen
    assert unfinished_uploads(moto, bucket) == []
    with pytest.raises(ObjectNotFound):
        S3Store(bucket).get("key")


def test_parts_of_a_loser_leave_nothing_behind(bucket: S3Location, moto: S3Server) -> None:
    store = S3Store(bucket, IN_PARTS)
    store.put("key", b"theirs")
    assert store.put_if_absent("key", LARGE) is False
    assert store.get("key") == b"theirs"
    assert unfinished_uploads(moto, bucket) == []


def test_one_of_many_uploads_in_parts_wins(bucket: S3Location) -> None:
    store = S3Store(bucket, IN_PARTS)
    contents = [bytes([number]) * (6 * MIB) for number in range(4)]
    with ThreadPoolExecutor(len(contents)) as threads:
        won = list(threads.map(lambda data: store.put_if_absent("key", data), contents))
    assert sum(won) == 1
    assert store.get("key") == contents[won.index(True)]


def test_wrong_credentials(rclone: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    location = S3Location.parse(rclone.new_bucket())
    for name, value in (("AWS_SECRET_ACCESS_KEY", "wrong" * 8), ("AWS_ACCESS_KEY_ID", "AKIAWRONG00000000001")):
        monkeypatch.setenv(name, value)
        with pytest.raises(CredentialsRejected, match=r"refused the credentials .*AWS_ACCESS_KEY_ID") as caught:
            S3Store(location).put("key", b"")
        assert value not in str(caught.value)


def test_no_credentials(bucket: S3Location, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(CredentialsRejected, match=r"no credentials for .* set AWS_ACCESS_KEY_ID"):
        S3Store(bucket).get("key")


def test_missing_bucket(moto: S3Server) -> None:
    store = S3Store(S3Location("no-such-bucket", "", moto.endpoint))
    for call in (lambda: store.get("key"), lambda: store.put("key", b""), lambda: list(store.list(""))):
        with pytest.raises(StoreUnavailable, match="there is no bucket s3://no-such-bucket"):
            call()


def test_no_answer() -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(StoreUnavailable, match=f"no answer from s3://bucket at {endpoint}.*check the endpoint"):
        S3Store(S3Location("bucket", "", endpoint), QUICK).get("key")


def test_a_wrong_clock_is_named(rclone: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    location = S3Location.parse(rclone.new_bucket())
    late = lambda *_, **__: datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=3)  # noqa: E731
    monkeypatch.setattr(botocore.auth, "get_current_datetime", late)
    with pytest.raises(StoreUnavailable, match=r"clock is wrong \(RequestTimeTooSkewed\)"):
        S3Store(location, QUICK).put("key", b"")


# -- the rest ---------------------------------------------------------------------------------------------------------


def test_lists_go_on_over_pages(bucket: S3Location) -> None:
    store = S3Store(bucket)
    keys = [f"many/{number:05d}" for number in range(1005)]  # a page has 1,000
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda key: store.put(key, b""), keys))
    assert list(store.list("many/")) == keys


def test_a_bucket_shared_with_others_is_read_by_prefix_only(bucket: S3Location, moto: S3Server) -> None:
    for key in (f"{bucket.prefix}-else/key", f"{bucket.prefix}/folder/", f"{bucket.prefix}/no key", "key"):
        moto.client().put_object(Bucket=bucket.bucket, Key=key, Body=b"")
    S3Store(bucket).put("key", b"")
    assert list(S3Store(bucket).list("")) == ["key"]


def test_a_copy_in_another_process_opens_the_same_place(bucket: S3Location) -> None:
    store = S3Store(bucket, IN_PARTS)
    store.put("key", b"data")
    assert pickle.loads(pickle.dumps(store)).get("key") == b"data"  # noqa: S301 - bytes we just made


@pytest.mark.parametrize(
    "url",
    [
        "s3://bucket",
        "s3://bucket/a/b",
        "s3://bucket/a?endpoint=http://127.0.0.1:9000",
        "s3://bucket/a?endpoint=https://minio.example.org&region=eu-central-1",
    ],
)
def test_locations_round_trip(url: str) -> None:
    assert S3Location.parse(url).url == url


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://", "names no place in S3"),
        ("s3://bucket/a b", "names no place in S3"),
        ("s3://bucket?endpont=http://x", "unknown option 'endpont'"),
        ("s3://bucket?endpoint=127.0.0.1:9000", "must start with http"),
    ],
)
def test_wrong_locations_are_refused(url: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        S3Location.parse(url)


def test_credentials_in_the_url_are_refused_and_not_repeated() -> None:
    with pytest.raises(InputError, match="AWS_SECRET_ACCESS_KEY and write s3://bucket/a") as caught:
        S3Location.parse("s3://AKIA:geheim@bucket/a")  # allowed secret
    assert "geheim" not in str(caught.value)


# -- what the user sets -----------------------------------------------------------------------------------------------


def test_the_aws_configuration_file_says_what_is_sent_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: Proxy, bucket: S3Location
) -> None:
    config = tmp_path / "config"
    config.write_text("[default]\ns3 =\n  multipart_threshold = 2KB\n  multipart_chunksize = 1MB\n  max_queue_size = 7\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    options = configured_options()
    assert (options.multipart_from, options.part_size) == (2048, 5 * MIB), "S3 takes no smaller parts"
    store = S3Store(S3Location(bucket.bucket, bucket.prefix, proxy.endpoint))
    store.put("small", b"x" * 2047)
    assert proxy.seen == ["PUT"]
    store.put("large", b"x" * 2048)
    assert proxy.seen == ["PUT", "POST", "PUT", "POST"]
    config.write_text("[default]\ns3 =\n  multipart_threshold = much\n")
    with pytest.raises(InputError, match=r"s3.multipart_threshold in the AWS configuration file is 'much'; write a size such as"):
        configured_options()


def test_an_upload_torn_in_the_middle_is_still_ours(proxy: Proxy, bucket: S3Location, moto: S3Server) -> None:
    store = through(proxy, bucket, IN_PARTS)
    proxy.torn = 3
    assert store.put_if_absent("large", LARGE) is True
    assert proxy.torn == 0
    assert store.get("large") == LARGE
    assert unfinished_uploads(moto, bucket) == []


class Recorded:
    """A client that keeps the parameters of every call."""

    def __init__(self, client: Any, operations: dict[str, list[dict[str, Any]]]) -> None:
        self.meta, self._client, self._operations = client.meta, client, operations

    def __getattr__(self, name: str) -> Any:
        def call(**parameters: Any) -> Any:
            self._operations.setdefault(name, []).append(parameters)
            return getattr(self._client, name)(**parameters)

        return call


def everything(store: S3Store) -> None:
    """Each way to ask S3 that there is."""
    store.put("a", b"1")
    store.put_if_absent("a", b"2")
    store.put("large", LARGE[: 6 * MIB])
    store.get("a")
    assert sorted(store.list("")) == ["a", "large"]
    store.delete("a")


def test_every_request_names_the_owner_and_every_new_object_its_encryption(moto: S3Server) -> None:
    url = moto.new_bucket() + "&owner=123456789012&encryption=aws:kms&kms_key=alias/reactal"
    location = S3Location.parse(url)
    assert S3Location.parse(location.url) == location
    asked: dict[str, list[dict[str, Any]]] = {}
    store = S3Store(location, IN_PARTS, client=Recorded(s3_client(location, IN_PARTS), asked))
    everything(store)
    assert set(asked) == set(ACTIONS) - {"abort_multipart_upload"}
    assert all(call["ExpectedBucketOwner"] == "123456789012" for calls in asked.values() for call in calls)
    for name in ("put_object", "create_multipart_upload"):
        assert {(call["ServerSideEncryption"], call["SSEKMSKeyId"]) for call in asked[name]} == {("aws:kms", "alias/reactal")}
    head = moto.client().head_object(Bucket=location.bucket, Key=location.full("large"))
    assert head["ServerSideEncryption"] == "aws:kms"


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ("owner=1234", "owner=1234 in the store's URL is no AWS account; write its 12 digits"),
        ("encryption=rot13", "encryption=rot13 in the store's URL is unknown; there are AES256, aws:kms, aws:kms:dsse"),
        ("encryption=AES256&kms_key=k", "kms_key in the store's URL needs encryption=aws:kms"),
        ("secret=x", "unknown option 'secret' .*; there are endpoint, region, owner, encryption, kms_key"),
    ],
)
def test_guards_that_cannot_be_are_refused(options: str, match: str) -> None:
    with pytest.raises(InputError, match=match):
        S3Location.parse(f"s3://bucket/prefix?{options}")


# -- least privilege --------------------------------------------------------------------------------------------------

POLICY = Path(__file__).parents[2] / "infra" / "s3" / "policy.json"
ACTIONS = {
    "get_object": "s3:GetObject",
    "head_object": "s3:GetObject",
    "put_object": "s3:PutObject",
    "delete_object": "s3:DeleteObject",
    "list_objects_v2": "s3:ListBucket",
    "create_multipart_upload": "s3:PutObject",
    "upload_part": "s3:PutObject",
    "complete_multipart_upload": "s3:PutObject",
    "abort_multipart_upload": "s3:AbortMultipartUpload",
}
"""What IAM asks for each call, from AWS's list of actions for S3."""


def allowed() -> dict[str, str]:
    """Action to resource, as the policy allows it."""
    statements = json.loads(POLICY.read_text())["Statement"]
    return {action: each["Resource"] for each in statements if each["Effect"] == "Allow" for action in each["Action"]}


def test_the_policy_allows_what_is_asked_and_nothing_more(proxy: Proxy, bucket: S3Location) -> None:
    asked: dict[str, list[dict[str, Any]]] = {}
    location = S3Location(bucket.bucket, bucket.prefix, proxy.endpoint)
    store = S3Store(location, IN_PARTS, client=Recorded(s3_client(location, IN_PARTS), asked))
    everything(store)
    proxy.plan = [("PUT", "403 AccessDenied")]
    with pytest.raises(CredentialsRejected):
        store.put("never", LARGE)  # which is aborted
    assert {ACTIONS[name] for name in asked} == set(allowed())
    for action, resource in allowed().items():
        assert resource == ("arn:aws:s3:::BUCKET" if action == "s3:ListBucket" else "arn:aws:s3:::BUCKET/PREFIX/*")
    inside = f"{location.prefix}/"
    for calls in asked.values():
        for call in calls:
            assert call.get("Key", call.get("Prefix", "")).startswith(inside)


def test_the_policy_lists_its_prefix_alone_and_speaks_tls_alone() -> None:
    """IfExists: a read names no prefix, and whoever may not list at all is told 403 where there is no object, instead of 404."""
    document = json.loads(POLICY.read_text())
    by_name = {statement["Sid"]: statement for statement in document["Statement"]}
    assert by_name["ListOwnPrefix"]["Condition"] == {"StringLikeIfExists": {"s3:prefix": ["PREFIX/*"]}}
    assert by_name["OnlyByTls"]["Effect"] == "Deny"
    assert by_name["OnlyByTls"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    rules = json.loads(POLICY.with_name("lifecycle.json").read_text())["Rules"]
    assert any(rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] for rule in rules)
