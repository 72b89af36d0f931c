"""Where in which S3 a store is: the URL, taken apart and checked without any network."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import final
from urllib.parse import parse_qsl, urlencode, urlsplit

from reactal.errors import InputError
from reactal.secrecy import refuse_credentials
from reactal.store.keys import is_key

__all__ = ["S3Location"]

_OPTIONS = ("endpoint", "region", "owner", "encryption", "kms_key")
_ENCRYPTION = ("AES256", "aws:kms", "aws:kms:dsse")
_ACCOUNT = re.compile(r"\d{12}")


@final
@dataclass(frozen=True)
class S3Location:
    """Bucket, prefix (no slash at either end), and the endpoint and region where they are not the environment's.

    `owner`: the AWS account whose bucket it has to be, for every request. `encryption`: how S3 keeps what is written,
    AES256, aws:kms or aws:kms:dsse, the latter two with the key `kms_key` or the account's own; None is the bucket's default.
    """

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    owner: str | None = None
    encryption: str | None = None
    kms_key: str | None = None

    @classmethod
    def parse(cls, url: str) -> S3Location:
        """From `s3://bucket/prefix?endpoint=http://127.0.0.1:9000&region=eu-central-1`."""
        parts = urlsplit(url)
        if "@" in parts.netloc:
            raise InputError(
                "the store's URL holds credentials; put them into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY and write "
                f"s3://{parts.netloc.rpartition('@')[2]}{parts.path}"
            )
        options = dict(parse_qsl(parts.query))
        unknown = sorted(set(options) - set(_OPTIONS))
        if unknown:
            raise InputError(f"unknown option {unknown[0]!r} in the store's URL {url}; there are {', '.join(_OPTIONS)}")
        prefix = parts.path.strip("/")
        if not parts.netloc or (prefix and not is_key(prefix)):
            raise InputError(f"{url} names no place in S3; write s3://bucket/prefix with plain letters and digits")
        endpoint = options.get("endpoint")
        if endpoint is not None and urlsplit(endpoint).scheme not in ("http", "https"):
            raise InputError(f"the endpoint {endpoint!r} in the store's URL must start with http:// or https://")
        refuse_credentials(endpoint or "", of="the endpoint in the store's URL")
        _check_guards(options)
        return cls(parts.netloc, prefix, **options)

    @property
    def url(self) -> str:
        """The inverse of `parse`."""
        options = {name: value for name in _OPTIONS if (value := getattr(self, name))}
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/") + ("?" + urlencode(options, safe=":/") if options else "")

    @property
    def bucket_of_owner(self) -> dict[str, str]:
        """As every request names it."""
        return {"Bucket": self.bucket, **({"ExpectedBucketOwner": self.owner} if self.owner else {})}

    @property
    def at_rest(self) -> dict[str, str]:
        """What a request says that makes an object."""
        if self.encryption is None:
            return {}
        key = {"SSEKMSKeyId": self.kms_key} if self.kms_key else {}
        return {"ServerSideEncryption": self.encryption, **key}

    def full(self, key: str) -> str:
        """The bucket's name for `key` (or for a prefix of keys)."""
        return f"{self.prefix}/{key}" if self.prefix else key

    def key(self, full: str) -> str:
        """The inverse of `full`."""
        return full[len(self.prefix) + 1 :] if self.prefix else full


def _check_guards(options: Mapping[str, str]) -> None:
    owner, encryption = options.get("owner"), options.get("encryption")
    if owner is not None and not _ACCOUNT.fullmatch(owner):
        raise InputError(f"owner={owner} in the store's URL is no AWS account; write its 12 digits")
    if encryption is not None and encryption not in _ENCRYPTION:
        raise InputError(f"encryption={encryption} in the store's URL is unknown; there are {', '.join(_ENCRYPTION)}")
    if "kms_key" in options and encryption in (None, "AES256"):
        raise InputError("kms_key in the store's URL needs encryption=aws:kms")
