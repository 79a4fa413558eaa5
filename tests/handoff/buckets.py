"""A stand-in of S3 on loopback; its buckets as a target, and as another client sees them."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import boto3  # type: ignore[import-untyped]
from moto.server import ThreadedMotoServer
from obstore.store import S3Store

from harvester.handoff.mirror.objects import Objects


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket at `endpoint`."""

    endpoint: str
    name: str

    @property
    def environ(self) -> Mapping[str, str]:
        """Return the environment of a program that uses it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }

    def target(self, prefix: str) -> Objects:
        """Return a prefix of it as the target of a mirror."""
        store = S3Store(
            self.name,
            prefix=prefix,
            endpoint=self.endpoint,
            access_key_id="key",
            secret_access_key="secret",  # noqa: S106 - of no use elsewhere
            client_options={"allow_http": True},
        )
        return Objects(f"s3://{self.name}/{prefix}", store)

    def objects(self) -> dict[str, bytes]:
        """Return all that lies in it, by key."""
        with closing(self.client()) as client:
            keys = [each["Key"] for each in client.list_objects_v2(Bucket=self.name)["Contents"]]
            return {
                key: client.get_object(Bucket=self.name, Key=key)["Body"].read() for key in keys
            }

    def client(self) -> Any:  # noqa: ANN401 - boto3 has no types
        """Return another client of it."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="key",
            aws_secret_access_key="secret",  # noqa: S106
        )


@contextmanager
def serving() -> Iterator[str]:
    """Serve S3 while the block runs; yield its address."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def make_bucket(endpoint: str) -> Bucket:
    """Return a bucket that nobody else has."""
    bucket = Bucket(endpoint, f"bucket-{uuid.uuid4().hex}")
    with closing(bucket.client()) as client:
        client.create_bucket(Bucket=bucket.name)
    return bucket
