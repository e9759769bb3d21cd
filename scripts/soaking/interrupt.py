"""SIGINT and SIGTERM at random moments of a build, and again while it recovers."""

import signal

from soaking import kill

ROUNDS = 300


class Part(kill.Part):
    signals = (signal.SIGINT, signal.SIGTERM)
