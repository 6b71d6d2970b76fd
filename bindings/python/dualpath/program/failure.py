"""How a command ends that cannot do what it should."""

from __future__ import annotations

ERROR = 1
"""A model, a file or frames cannot be used."""
USAGE = 2
"""The command line is wrong."""
INTERRUPTED = 130
"""By Ctrl-C."""


class Failure(Exception):
    """Ends the program with a line on standard error, about whom and what is wrong."""

    def __init__(self, subject: str, sentence: str, status: int = ERROR) -> None:
        super().__init__(subject, sentence, status)
        self.subject = subject
        self.sentence = sentence
        self.status = status


def usage(subject: str, sentence: str) -> Failure:
    return Failure(subject, sentence, USAGE)
