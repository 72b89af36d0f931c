"""How requests to S3 are sent: boto3's client, set for reactal, and what the AWS configuration file says of uploads."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any, final

import boto3
import botocore.session
from botocore.config import Config

from reactal.errors import InputError
from reactal.store.s3_location import S3Location

__all__ = ["S3Options", "configured_options", "s3_client"]

_SIZE = re.compile(r"(\d+)(|KB|MB|GB)", re.IGNORECASE)
_UNITS = {"": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}  # AWS's own tools count in these
LEAST_PART = 5 << 20  # S3's limit


@final
@dataclass(frozen=True)
class S3Options:
    """How requests are sent. Times in seconds, sizes in bytes."""

    attempts: int = 6
    first_wait: float = 0.2
    longest_wait: float = 20.0
    connect_timeout: float = 5.0
    read_timeout: float = 60.0
    multipart_from: int = 32 << 20
    part_size: int = 16 << 20
    parts_at_once: int = 4


def configured_options() -> S3Options:
    """With `multipart_threshold` and `multipart_chunksize` of the profile's section `s3`, as AWS's command line reads them."""
    section = botocore.session.get_session().get_scoped_config().get("s3")
    given = section if isinstance(section, dict) else {}
    names = {"multipart_threshold": "multipart_from", "multipart_chunksize": "part_size"}
    sizes = {names[name]: _bytes(name, text) for name, text in given.items() if name in names}
    if "part_size" in sizes:
        sizes["part_size"] = max(sizes["part_size"], LEAST_PART)
    return S3Options(**sizes)


def s3_client(location: S3Location, options: S3Options) -> Any:
    """Credentials come from the environment or boto3's other sources only."""
    session = boto3.session.Session()
    endpoint = location.endpoint or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    other_than_aws: dict[str, Any] = {
        "s3": {"addressing_style": "path"},  # bucket.host resolves nowhere but in the cloud
        "request_checksum_calculation": "when_required",  # many servers refuse the newer checksums
        "response_checksum_validation": "when_required",
    }
    return session.client(
        "s3",
        endpoint_url=endpoint,
        region_name=location.region or session.region_name or "us-east-1",
        config=Config(
            connect_timeout=options.connect_timeout,
            read_timeout=options.read_timeout,
            max_pool_connections=32,
            retries={"total_max_attempts": 1},  # tenacity retries here, where a lost answer can be told from a refusal
            **(other_than_aws if endpoint else {}),
        ),
    )


def _bytes(name: str, text: Any) -> int:
    found = _SIZE.fullmatch(str(text).strip())
    if found is None:
        raise InputError(f"s3.{name} in the AWS configuration file is {text!r}; write a size such as 8MB")
    return int(found[1]) * _UNITS[found[2].upper()]
