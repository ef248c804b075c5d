"""A student behind HTTP: JSON in, predictions out, requests that arrive together scored together.

A shell as the command line is: it talks to people's programs and decides nothing of its own.
"""

from pipeline.endpoint.asked import Limits
from pipeline.endpoint.running import listening, serve
from pipeline.endpoint.served import Served
from pipeline.endpoint.watching import Newer, watch
from pipeline.endpoint.web import Endpoint

__all__ = ["Endpoint", "Limits", "Newer", "Served", "listening", "serve", "watch"]
