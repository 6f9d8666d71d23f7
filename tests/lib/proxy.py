"""A TCP proxy in front of a server, to lose a connection without the server noticing.

hold(): from now on answers of the server do not reach the client, and a COMMIT that arrives is
kept back from the server. drop_client_side() closes what the client sees; the server's side stays
open with everything sent to it. release(): the kept bytes go to the server after all: the commit
of unknown outcome lands late. cut_behind(): the connection breaks at a certain statement.
"""

import socket
import threading
import time


class _Link:
    def __init__(self, proxy, client):
        self.proxy = proxy
        self.client = client
        self.server = socket.create_connection(("127.0.0.1", proxy.target))
        self.kept = []
        self.dropped = False
        for work in (self._to_server, self._to_client):
            threading.Thread(target=work, daemon=True).start()

    def _to_server(self):
        try:
            while True:
                data = self.client.recv(65536)
                if not data:
                    break
                with self.proxy.lock:
                    if self.proxy.holding and (self.kept or b"COMMIT" in data.upper()):
                        self.kept.append(data)
                        self.proxy.held.set()
                        continue
                    broken = self.proxy.breaks_at(data)
                if broken:
                    self.proxy.wait_until()
                    break
                self.server.sendall(data)
        except OSError:
            pass
        if not self.dropped:
            _close(self.server)
            _close(self.client)

    def _to_client(self):
        try:
            while True:
                data = self.server.recv(65536)
                if not data:
                    break
                if not self.dropped:
                    self.client.sendall(data)
        except OSError:
            pass
        _close(self.client)

    def flush(self):
        for data in self.kept:
            try:
                self.server.sendall(data)
            except OSError:
                break
        self.kept = []


def _close(end):
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    end.close()


class Proxy:
    def __init__(self, target):
        self.target = target
        self.lock = threading.Lock()
        self.holding = False
        self.held = threading.Event()
        self.words = []
        self.cut = threading.Event()
        self.until = None
        self.links = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                self.links.append(_Link(self, client))
            except OSError:
                _close(client)

    def cut_behind(self, *words, until=None):
        """Break the connection at the statement with the last of these texts, once those before have come, in that order. It is kept waiting
        until this is true."""
        with self.lock:
            self.words = [word.encode() for word in words]
            self.until = until

    def wait_until(self):
        while self.until and not self.until():
            time.sleep(0.02)

    def breaks_at(self, data):
        if self.words and self.words[0] in data:
            self.words.pop(0)
            if not self.words:
                self.cut.set()
                return True
        return False

    def hold(self):
        """Keep back the next COMMIT and everything behind it."""
        with self.lock:
            self.holding = True
            self.held.clear()

    def wait_held(self, timeout=30):
        if not self.held.wait(timeout):
            raise TimeoutError("no COMMIT came through the proxy")

    def drop_client_side(self):
        """The client loses the connections that hold a COMMIT; the server sees nothing of it."""
        for link in self.links:
            if link.kept:
                link.dropped = True
                _close(link.client)
        with self.lock:
            self.holding = False

    def release_after(self, seconds):
        """Let the kept commits through, a little later, as a slow network would."""
        def release():
            time.sleep(seconds)
            for link in self.links:
                if link.kept:
                    link.flush()
                    _close(link.server)
        threading.Thread(target=release, daemon=True).start()

    def close(self):
        _close(self.listener)
        for link in self.links:
            _close(link.client)
            _close(link.server)
