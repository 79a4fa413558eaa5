"""What the daemon shows over HTTP: status page, health, status as JSON, metrics."""

from harvester.serve.http import HttpServer
from harvester.serve.metrics import Metrics
from harvester.serve.report import Provider, Report

__all__ = ["HttpServer", "Metrics", "Provider", "Report"]
