"""Kills of the program, cuts of its connections, kills of the destination server, at random."""

import os
import random
import re
import subprocess
import threading

from lib.program import ProgramError

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def crash_points():
    """Names of the crash points in the sources: what a program built with them can die at."""
    done = subprocess.run(["grep", "-rhoE", r'crash_point\("[^"]+"\)', "--include=*.c", "agent",
                           "applier", "schema"], cwd=TOP, stdout=subprocess.PIPE, check=False)
    return sorted(set(re.findall(r'"([^"]+)"', done.stdout.decode())))


class Chaos:
    """A thread that keeps the program running and disturbs it `count` times."""

    def __init__(self, lab, seed, count, points=(), kill_destination=True):
        self.lab = lab
        self.rng = random.Random("chaos %s" % seed)
        self.left = count
        self.points = list(points)
        self.kill_destination = kill_destination
        self.stop = threading.Event()
        self.error = None
        self.events = []
        self.armed = False  # the program running now is to die at a crash point
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self.thread.start()

    def finish(self, timeout=180):
        """Wait until all disturbances have happened; the program runs afterwards."""
        self.thread.join(timeout)
        if self.thread.is_alive():
            self.stop.set()
            self.thread.join(30)
            raise ProgramError("disturbances did not end: " + ", ".join(self.events))
        if self.error:
            raise self.error

    def _run(self):
        try:
            while self.left > 0 and not self.stop.is_set():
                self.left -= 1
                self._disturb()
            if self.armed and self.lab.program.running():
                self.lab.program.kill()
            self.ensure_running(crash=False)
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def ensure_running(self, crash=True):
        """Start the program if it is not running. It may have died where we told it to, or of an
        exit code that says: try again."""
        program = self.lab.program
        if program.running():
            return
        if program.engine == "datasync" and program.process is not None:
            program.check_log()
            code = program.process.returncode
            if code not in (-9, 4):
                raise ProgramError("the program ended with exit %s; %s" % (code,
                                                                           program.log_tail()))
        env = {}
        self.armed = False
        if crash and self.points and self.rng.random() < 0.5:
            point = "%s:%d" % (self.rng.choice(self.points), self.rng.choice((1, 1, 2, 3, 7, 30)))
            env["DATASYNC_CRASH"] = point
            self.events.append("crash at " + point)
            self.armed = True
        program.start(env=env)

    def _pause(self, longest):
        self.stop.wait(self.rng.random() ** 2 * longest)

    def _disturb(self):
        lab, roll = self.lab, self.rng.random()
        self.ensure_running()
        self._pause(1.5)
        if roll < 0.55:
            self.events.append("kill -9")
            lab.program.kill()
        elif roll < 0.7:
            self.events.append("cut source")
            lab.source.cut()
        elif roll < 0.85:
            self.events.append("cut destination")
            lab.destination.cut()
        elif roll < 0.92 and self.kill_destination:
            self.events.append("kill destination server")
            lab.destination.kill()
            self._pause(0.5)
            lab.destination.start()
        else:
            self.events.append("stop in order")
            if lab.program.running():
                try:
                    lab.program.stop()
                except ProgramError:
                    if lab.program.process.returncode != -9:
                        raise  # not an armed crash point that struck on the way out
