"""Run by pywb's own Python, in the folder of a `config.yaml`: serves it, and says on which port."""

from __future__ import annotations

from gevent.monkey import patch_all

patch_all()

from pywb.apps.frontendapp import FrontEndApp  # noqa: E402  after what it rests on is patched
from pywb.utils.geventserver import GeventServer, RequestURIWSGIHandler  # noqa: E402

if __name__ == "__main__":
    server = GeventServer(FrontEndApp(), 0, "127.0.0.1", RequestURIWSGIHandler)
    print("port", server.port, flush=True)  # noqa: T201  for whoever started it
    server.join()
