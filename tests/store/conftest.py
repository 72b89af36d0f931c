"""The store's tests may use the S3 servers."""

from __future__ import annotations

from tests.store.s3_fixtures import aws_environment, moto, proxy, rclone

__all__ = ["aws_environment", "moto", "proxy", "rclone"]
