"""An S3 server on the loopback interface that fails now and then. Run as a program of its own.

A program, because GDAL keeps Python's lock while it waits for an answer to opening a file. Prints
its port. ``GET /-/counts`` tells how many requests were answered with 500 and how many late.
"""

import json
import sys
import threading
import time

EVERY_500, EVERY_LATE, LATE_S = 7, 11, 0.5


class Faulty:
    """A web application that answers 500 or late now and then."""

    def __init__(self, application):
        self.application, self.lock = application, threading.Lock()
        self.n, self.n_500, self.n_late = 0, 0, 0

    def __call__(self, environment, start_response):
        if environment["PATH_INFO"] == "/-/counts":
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps({"500": self.n_500, "late": self.n_late}).encode()]
        with self.lock:
            self.n += 1
            is_bad, is_late = self.n % EVERY_500 == 0, self.n % EVERY_LATE == 0
            self.n_500 += is_bad
            self.n_late += is_late
        if is_late:
            time.sleep(LATE_S)
        if is_bad:
            environment["wsgi.input"].read(int(environment.get("CONTENT_LENGTH") or 0))
            start_response("500 Internal Server Error", [("Content-Type", "application/xml")])
            return [b"<Error><Code>InternalError</Code><Message>try again</Message></Error>"]
        return self.application(environment, start_response)


def main():
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    application = Faulty(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
