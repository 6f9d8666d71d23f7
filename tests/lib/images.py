"""A server of images over HTTP or HTTPS that can be made to misbehave, and the images.

    with ImageServer(folder) as server:          # tls=(certificate, key) for HTTPS
        server.files["/media/a.jpg"] = Image(jpeg(1000))
        server.url
        server.requests                          # (path, range asked for, If-Range, authorization) of each
"""

import http.server
import re
import ssl
import struct
import threading
import zlib


def jpeg(size, fill=b"x"):
    return b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + fill * (size - 11)


def png():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b""))


class Image:
    """`etag`: None leaves it out. `cut`: so many answers end after so many bytes: [500, 700]. `status`: of the next answers, None for a good one.
    `endless`: no length is said, and it does not end. `redirect`: where to. `barrier`: wait there for others. `during`: called in the
    first answer, after the bytes before its cut."""

    def __init__(self, data=b"", etag='"1"', cut=(), status=(), redirect=None, endless=False, barrier=None, during=None):
        self.data, self.etag, self.cut, self.status = data, etag, list(cut), list(status)
        self.redirect, self.endless, self.barrier, self.during = redirect, endless, barrier, during


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_unused):  # pylint: disable=arguments-differ
        pass

    def _head(self, status, length=None, **headers):
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def do_GET(self):
        server = self.server.owner
        asked = self.headers.get("Range")
        with server.lock:
            server.requests.append((self.path, asked, self.headers.get("If-Range"), self.headers.get("Authorization")))
            image = server.files.get(self.path)
            status = image.status.pop(0) if image and image.status else None
            cut = image.cut.pop(0) if image and image.cut else None
        if image is None or status:
            self._head(status or 404, 0)
        elif image.redirect:
            self._head(302, 0, Location=image.redirect)
        elif image.endless:
            self._endless(image)
        else:
            self._send(image, asked, cut)

    def _endless(self, image):
        self.close_connection = True
        self._head(200, Connection="close")
        try:
            while not self.server.owner.closing:
                self.wfile.write(image.data)
        except OSError:
            pass

    def _send(self, image, asked, cut):
        if image.barrier:
            image.barrier.wait(30)
        headers = {"ETag": image.etag} if image.etag else {}
        data, status = image.data, 200
        found = re.fullmatch(r"bytes=(\d+)-", asked or "")
        if found and image.etag and self.headers.get("If-Range") in (None, image.etag):
            start = int(found.group(1))
            if start >= len(data):
                self._head(416, 0, Content_Range="bytes */%d" % len(data))
                return
            headers["Content-Range"] = "bytes %d-%d/%d" % (start, len(data) - 1, len(data))
            data, status = data[start:], 206
        self._head(status, len(data), **headers)
        if cut is not None:
            self.wfile.write(data[:cut])
        if image.during:
            during, image.during = image.during, None
            during()
        if cut is None:
            self.wfile.write(data)
        self.close_connection = cut is not None


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_unused):  # pylint: disable=signature-differs
        """A client that hangs up, or trusts nobody, is what cases are about."""


class ImageServer:
    def __init__(self, tls=None, host="127.0.0.1"):
        self.files, self.requests, self.lock, self.closing = {}, [], threading.Lock(), False
        self.server = _Server((host, 0), _Handler)
        self.server.owner = self
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.url = "%s://localhost:%d" % ("https" if tls else "http", self.port)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def asked(self, path):
        return [request[1:] for request in self.requests if request[0] == path]

    def __enter__(self):
        return self

    def __exit__(self, *_unused):
        self.closing = True
        self.server.shutdown()
        self.server.server_close()
