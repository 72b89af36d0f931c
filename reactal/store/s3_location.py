"""Where in which S3 a store is: the URL, taken apart and checked without any network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final
from urllib.parse import parse_qsl, urlencode, urlsplit

from reactal.errors import InputError
from reactal.store.keys import is_key

__all__ = ["S3Location"]


@final
@dataclass(frozen=True)
class S3Location:
    """Bucket, prefix (no slash at either end), and the endpoint and region where they are not the environment's."""

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None

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
        unknown = sorted(set(options) - {"endpoint", "region"})
        if unknown:
            raise InputError(f"unknown option {unknown[0]!r} in the store's URL {url}; endpoint and region exist")
        prefix = parts.path.strip("/")
        if not parts.netloc or (prefix and not is_key(prefix)):
            raise InputError(f"{url} names no place in S3; write s3://bucket/prefix with plain letters and digits")
        endpoint = options.get("endpoint")
        if endpoint is not None and urlsplit(endpoint).scheme not in ("http", "https"):
            raise InputError(f"the endpoint {endpoint!r} in the store's URL must start with http:// or https://")
        return cls(parts.netloc, prefix, endpoint, options.get("region"))

    @property
    def url(self) -> str:
        """The inverse of `parse`."""
        options = {name: value for name, value in (("endpoint", self.endpoint), ("region", self.region)) if value}
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/") + ("?" + urlencode(options, safe=":/") if options else "")

    def full(self, key: str) -> str:
        """The bucket's name for `key` (or for a prefix of keys)."""
        return f"{self.prefix}/{key}" if self.prefix else key

    def key(self, full: str) -> str:
        """The inverse of `full`."""
        return full[len(self.prefix) + 1 :] if self.prefix else full
