"""Writes whisper files with one point in ten seconds and serves graphite-web over them."""

import os
import sys
import time
from wsgiref.simple_server import WSGIRequestHandler, make_server

import whisper

NOW = int(time.time()) // 10 * 10
# Seconds before now, and the value there.
SERIES = {
    "app.errors": [(50, 9.0), (40, 5.0), (30, 1.5)],
    "app.requests": [(50, 90.0), (40, 50.0), (30, 6.0)],
    "app.silent": [],
}


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


for name, points in SERIES.items():
    path = os.path.join(sys.argv[1], *name.split(".")) + ".wsp"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    whisper.create(path, [(10, 360)])
    whisper.update_many(path, [(NOW - ago, value) for ago, value in points])

from graphite.wsgi import application  # noqa: E402: reads the environment

server = make_server("127.0.0.1", 0, application, handler_class=Quiet)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
