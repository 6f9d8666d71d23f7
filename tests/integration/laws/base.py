"""What the laws' cases share."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

# pylint: disable=wrong-import-position
from lib.lab import Lab
from lib.suite import Suite

suite = Suite("laws")


def follow(setup, changes, native=True, settings=None, source_options=(), check=None):
    """Copy `setup`, stop, let `changes` happen, catch up in few batches; then the same changes once
    more with the program following live, if they allow it. Both sides must be equal."""
    with Lab(native=native, settings=settings, source_options=source_options) as lab:
        lab.source.script(setup)
        lab.program.start()
        lab.program.wait_caught_up()
        lab.equal()
        lab.program.stop()
        for part in changes if isinstance(changes, (list, tuple)) else [changes]:
            if callable(part):
                part(lab)
            else:
                lab.source.script(part)
        lab.settle()
        if check:
            check(lab)


def law(name, about, setup, changes, **options):
    """A case that is a setup and changes, whose outcome is the source's."""
    suite.case(name, about)(lambda: follow(setup, changes, **options))
