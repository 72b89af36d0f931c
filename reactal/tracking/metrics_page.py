"""A page of numbers in Prometheus's format, made anew whenever it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, final

from reactal.errors import ConfigError

__all__ = ["MetricsPage", "Sample"]


@final
@dataclass(frozen=True)
class Sample:
    """One number. Samples of one name share `kind` and `help` and differ in their `labels`.

    A counter only grows while its process lives; its name is given without the `_total` that the page adds.
    """

    name: str
    value: float
    help: str
    kind: Literal["gauge", "counter"] = "gauge"
    labels: Mapping[str, str] = field(default_factory=dict)


@final
class MetricsPage:
    """Served from a thread of this process until it is closed; `collect` is called in that thread for each reader."""

    def __init__(self, collect: Callable[[], Iterable[Sample]], *, host: str, port: int) -> None:
        from prometheus_client import CollectorRegistry, start_http_server

        registry = CollectorRegistry()
        registry.register(_Collector(collect))
        try:
            self._server, self._thread = start_http_server(port, addr=host, registry=registry)
        except OSError as error:
            raise ConfigError(
                f"monitoring.port: no page of metrics can be served at {host}:{port} ({error.strerror or error}); "
                "choose a free port, or leave it out"
            ) from error

    def close(self) -> None:
        """Stop answering; may be called twice."""
        with suppress(OSError):
            self._server.shutdown()
            self._server.server_close()
        self._thread.join()


class _Collector:
    """What prometheus_client asks for each page."""

    def __init__(self, collect: Callable[[], Iterable[Sample]]) -> None:
        self._samples = collect

    def describe(self) -> list[Any]:
        """Nothing is registered by name: the samples say what there is."""
        return []

    def collect(self) -> Iterable[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        families: dict[str, Any] = {}
        for sample in self._samples():
            if sample.name not in families:
                kind = CounterMetricFamily if sample.kind == "counter" else GaugeMetricFamily
                families[sample.name] = kind(sample.name, sample.help, labels=list(sample.labels))
            families[sample.name].add_metric(list(sample.labels.values()), sample.value)
        return families.values()
