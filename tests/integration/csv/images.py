"""Images that files and shops name: copied, downloaded, checked, and gone on with."""

import json
import os
import subprocess
import threading
import time

from lib.images import Image, ImageServer, jpeg, png
from lib.suite import expect, expect_contains, expect_equal
from lib.workspace import free_port

from base import shop, suite
from products import value

HEAD = "sku,name,price,image,media_gallery\n"


class Files:
    """The destination's media folder, and a folder to copy from."""

    def __init__(self, s):
        self.shop = s
        self.media, self.base = s.work.path("media"), s.work.path("base")
        os.mkdir(self.media)
        os.mkdir(self.base)
        s.program.configure({"images": {"media_dir": self.media}})

    def put(self, path, data):
        path = os.path.join(self.base, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as out:
            out.write(data)

    def get(self, path):
        path = os.path.join(self.media, "catalog", path)
        if not os.path.lexists(path):
            return None
        with open(path, "rb") as file:
            return file.read()

    def all(self):
        found = []
        for folder, _folders, names in os.walk(self.media):
            found += [os.path.relpath(os.path.join(folder, name), self.media) for name in names]
        return sorted(found)

    def parts(self):
        """Sizes of what is on its way."""
        return [os.path.getsize(os.path.join(self.media, name)) for name in self.all() if name.endswith(".part")]

    def sync(self, text, *options, code=0, counts=None, entity="product", **more):
        """What it said; `counts`: copied, downloaded, kept, missing."""
        out = self.shop.text(entity, text, "--json", *options, code=code, **more)
        if counts is not None:
            found = [json.loads(line)["images"] for line in out.splitlines() if line.startswith('{"images"')]
            expect_equal([tuple(found[0][name] for name in ("copied", "downloaded", "kept", "missing"))] if found else [], [counts],
                         "images: " + out[-1500:])
        return out


def make_certificates(work):
    folder = work.path("tls")
    os.mkdir(folder)
    for name in ("server", "other"):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", name + ".key", "-out",
                        name + ".pem", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], cwd=folder, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return [os.path.join(folder, name) for name in ("server.pem", "server.key", "other.pem")]


def copied(s, files):
    files.put("shirt.jpg", jpeg(500))
    files.put("catalog/product/b/a/back.png", png())
    files.put("catalog/category/shoes.png", png())
    files.put("page.jpg", b"<html>no image</html>")
    # a look before, which writes nothing
    text = HEAD + "A,a,1,shirt.jpg,/b/a/back.png|gone.jpg\nB,b,1,page.jpg,\n"
    options = ("--image-base-path", files.base)
    out = files.sync(text, *options, "--dry-run", code=3, counts=(2, 0, 0, 2))
    expect_contains(out, "entity=product key=sku:A file=catalog/product/g/o/gone.jpg reason=\"images.base_path has no such file", "log")
    expect_equal(files.all(), [], "files after a dry run")
    out = files.sync(text, *options, code=3, counts=(2, 0, 0, 2))
    expect_contains(out, "entity=product key=sku:B file=catalog/product/p/a/page.jpg reason=\"it is no JPEG", "log")
    expect_equal(files.all(), ["catalog/product/b/a/back.png", "catalog/product/s/h/shirt.jpg"], "files")
    expect_equal(files.get("product/s/h/shirt.jpg"), jpeg(500), "the copy")
    s.expect("SELECT %s, %s" % (value(s, "image", "A"), value(s, "image", "B")), ("/s/h/shirt.jpg", "/p/a/page.jpg"))
    # again: what is there stays, unless it is asked for
    files.put("shirt.jpg", jpeg(500, b"y"))
    files.sync(text, *options, code=3, counts=(0, 0, 2, 2))
    expect_equal(files.get("product/s/h/shirt.jpg"), jpeg(500), "the copy, after another run")
    files.sync(text, *options, "--force-image-import", code=3, counts=(2, 0, 0, 2))
    expect_equal(files.get("product/s/h/shirt.jpg"), jpeg(500, b"y"), "the copy, when forced")
    # one that is skipped needs no image
    files.put("new.jpg", jpeg(100))
    files.sync(HEAD + "A,a,1,new.jpg,\n", *options, source="other", duplicate="skip")
    expect_equal(files.get("product/n/e/new.jpg"), None, "the image of a product that is skipped")
    files.sync("entity_id,parent_id,name,image\n90,2,Shoes,shoes.png\n", *options, entity="category", counts=(1, 0, 0, 0))
    expect_equal(files.get("category/shoes.png"), png(), "a category's image")


def refused(s, files):
    """What the command line and names must not do."""
    out = files.sync(HEAD + "C,c,1,../../etc/passwd.jpg,\n", code=1)
    expect_contains(out, "leads out of the folder of images", "error")
    for address, why in (("https://me:SECRET@a.example/", "an address, but it names no file"),
                         ("ftp://me:SECRET@a.example/x.jpg", "an address, but only addresses with http and https can be read")):
        out = files.sync(HEAD + "C,c,1,%s,\n" % address, code=1)
        expect_contains(out, why, "error")
        expect("SECRET" not in out, "a password is in the log: " + out)
    s.program.configure({"images": {"media_dir": ""}})
    for option in (("--image-base-path", files.base), ("--image-base-url", "https://a.example/"), ("--force-image-import",)):
        out = files.sync(HEAD + "C,c,1,c.jpg,\n", *option, code=2)
        expect_contains(out, "needs images.media_dir", "error")
    s.program.configure({"images": {"media_dir": s.work.path("nowhere")}})
    expect_contains(files.sync(HEAD + "C,c,1,c.jpg,\n", code=2), "images.media_dir: cannot open", "error")
    s.program.configure({"images": {"media_dir": files.media}})


@suite.case("csv-images", "files are copied once, checked by their bytes, and what cannot be had is listed; names lead nowhere else")
def _():
    with shop() as s:
        files = Files(s)
        copied(s, files)
        refused(s, files)


def downloaded(s, files, server):
    barrier = threading.Barrier(3)  # met only by as many at once
    for at in range(3):
        server.files["/img/catalog/product/t/o/together%d.jpg" % at] = Image(jpeg(300 + at), barrier=barrier)
    files.sync(HEAD + "A,a,1,together0.jpg,together1.jpg|together2.jpg\n", "--image-base-url", server.url + "/img/", "--set",
               "images.user=me", "--set", "images.password=secret", counts=(0, 3, 0, 0))
    expect_equal([len(files.get("product/t/o/together%d.jpg" % at)) for at in range(3)], [300, 301, 302], "sizes")
    expect(all(request[3] == "Basic bWU6c2VjcmV0" for request in server.requests), "requests: %s" % server.requests)
    # an address in a cell: two of one name stay two, and no password is sent there, nor logged; a redirection is followed, a failure that
    # passes is tried again
    server.files["/x/front.jpg?sig=SECRET1"] = Image(jpeg(400))
    server.files["/y/front.jpg"] = Image(jpeg(401))
    server.files["/gone.jpg?sig=SECRET2"] = Image(status=[403] * 9)
    server.files["/moved.jpg"] = Image(redirect="/y/front.jpg")
    server.files["/busy.jpg"] = Image(jpeg(402), status=[503, 429])
    plain = server.url.replace("://", "://user:SECRET3@")
    out = files.sync(HEAD + "B,b,1,%s/x/front.jpg?sig=SECRET1,%s/y/front.jpg|%s/gone.jpg?sig=SECRET2\nC,c,1,%s/moved.jpg,%s/busy.jpg\n"
                     % (server.url, server.url, plain, server.url, server.url),
                     "-vv", "--set", "images.user=me", "--set", "images.password=SECRET4", code=3, counts=(0, 4, 0, 1))
    expect("SECRET" not in out, "a secret is in the log: " + out)
    expect_contains(out, "localhost:%d/gone.jpg answered 403" % server.port, "log")
    names = [row[0] for row in s.rows("SELECT value FROM catalog_product_entity_media_gallery WHERE value LIKE '/f/r/front%' ORDER BY value_id")]
    expect_equal([len(files.get("product" + name)) for name in names], [401, 400], "files of one name: %s" % names)
    expect(server.asked("/y/front.jpg")[0][2] is None, "the password was sent to an address of the file")
    s.expect("SELECT %s" % value(s, "image", "B"), names[1])
    again = len(server.requests)
    files.sync(HEAD + "B,b,1,%s/x/front.jpg?sig=OTHER,%s/y/front.jpg\n" % (server.url, server.url), counts=(0, 0, 2, 0))
    expect_equal(len(server.requests), again, "requests for what is there")


def misbehaved(s, files, server):
    """Too large, another type, for ever, round and round, nobody there: listed each, and no product is lost to them."""
    server.files.update({"/large.jpg": Image(jpeg(5000)), "/endless.jpg": Image(jpeg(1000), endless=True),
                         "/script.jpg": Image(b"<?php echo 1; ?> "), "/png.jpg": Image(png()), "/svg.svg": Image(b"<svg onload='x'/>       "),
                         "/empty.jpg": Image(b""), "/round.jpg": Image(redirect="/round.jpg"),
                         "/file.jpg": Image(redirect="file:///etc/passwd"), "/broken.jpg": Image(jpeg(900), etag=None, cut=[100] * 20)})
    whys = {"large.jpg": "is larger than images.max_size (2048 bytes)", "endless.jpg": "is larger than images.max_size",
            "script.jpg": "it is no JPEG", "png.jpg": "it is no JPEG", "svg.svg": "does not end in jpg", "empty.jpg": "it is empty",
            "round.jpg": "redirects", "file.jpg": "file.jpg: ", "broken.jpg": "broken.jpg: ", "none.jpg": "answered 404"}
    text = HEAD + "".join("M-%s,d,1,%s/%s,\n" % (name, server.url, name) for name in whys)
    out = files.sync(text + "M-closed,d,1,http://localhost:%d/x.jpg,\n" % free_port(), "--set", "images.max_size=2KiB", code=3,
                     counts=(0, 0, 0, len(whys) + 1))
    told = [line for line in out.splitlines() if "image is missing" in line]
    for name, why in list(whys.items()) + [("closed", "/x.jpg: ")]:
        lines = [line for line in told if "key=sku:M-" + name in line]
        expect(len(lines) == 1 and why.lower() in lines[0].lower(), "log of %s: %s" % (name, lines))
    s.expect("SELECT COUNT(*) FROM catalog_product_entity WHERE sku LIKE 'M-%'", str(len(whys) + 1))
    expect_equal([name for name in files.all() if "datasync" in name], [], "what is left of them")


def gone_on_with(files, server):
    """Cut in the middle: the rest is asked for, in this run or the next, but not of another version."""
    server.files["/cut.jpg"] = Image(jpeg(3000), cut=[1000, 500])
    later = server.files["/later.jpg"] = Image(jpeg(3000), cut=[1000], status=[None] + [500] * 12)
    server.files["/changed.jpg"] = Image(jpeg(3000, b"a"), cut=[1000], status=[None] + [500] * 12)
    text = HEAD + "".join("%s,e,1,%s/%s.jpg,\n" % (name, server.url, name) for name in ("cut", "later", "changed"))
    out = files.sync(text, code=3, counts=(0, 1, 0, 2))
    expect_equal(server.asked("/cut.jpg"), [(None, None, None), ("bytes=1000-", '"1"', None), ("bytes=1500-", '"1"', None)], "requests")
    expect_contains(out, "later.jpg answered 500", "log")
    expect_equal(files.parts(), [1000, 1000], "what is kept")
    later.status = []
    server.files["/changed.jpg"] = Image(jpeg(2000, b"b"), etag='"2"')
    del server.requests[:]
    files.sync(text, counts=(0, 2, 1, 0))
    expect_equal(server.asked("/later.jpg"), [("bytes=1000-", '"1"', None)], "requests of the next run")
    expect_equal([name for name in files.all() if "datasync" in name], [], "what is left")
    name = [name for name in files.all() if "/changed" in name]
    expect_equal(files.get(name[0][len("catalog/"):]), jpeg(2000, b"b"), "the newer file")


def interrupted(s, files, server):
    """While a file is on its way: asked to end, and killed. The next run goes on with what had come."""
    program, over = s.program, threading.Event()
    for number, (end, code) in enumerate((("terminate", 0), ("kill", -9))):
        path, begun = "/held%d.jpg" % number, threading.Event()

        def during(begun=begun):
            begun.set()
            over.wait(60)

        server.files[path] = Image(jpeg(3000), cut=[1000], during=during)
        text = HEAD + "H%d,h,1,%s%s,\n" % (number, server.url, path)
        program.start("product", "file", "--file", s.file(text), "--on-duplicate", "update", command="sync")
        expect(begun.wait(60), "no request for %s: %s" % (path, program.log_tail()))
        deadline = time.monotonic() + 60
        while files.parts() != [1000] and time.monotonic() < deadline:
            time.sleep(0.01)
        getattr(program.process, end)()
        expect_equal(program.wait_exit(60), code, "exit after " + end)
        s.expect("SELECT COUNT(*) FROM catalog_product_entity WHERE sku = 'H%d'" % number, "0")
        del server.requests[:]
        files.sync(text, counts=(0, 1, 0, 0))
        expect_equal(server.asked(path), [("bytes=1000-", '"1"', None)], "requests after " + end)
        s.expect("SELECT COUNT(*) FROM catalog_product_entity WHERE sku = 'H%d'" % number, "1")
    over.set()
    # just after it got its name: nothing else is left, and it is there
    server.files["/named.jpg"] = Image(jpeg(3000))
    text = HEAD + "H2,h,1,%s/named.jpg,\n" % server.url
    code, _out, err = program.command("sync", "product", "file", "--file", s.file(text), "--on-duplicate", "update",
                                      env={"DATASYNC_CRASH": "media.renamed:1"})
    expect_equal(code, -9, "exit where it was to be killed: " + err[-1000:])
    expect_equal([name for name in files.all() if "datasync" in name], [], "what is left")
    files.sync(text, counts=(0, 0, 1, 0))
    s.expect("SELECT COUNT(*) FROM catalog_product_entity WHERE sku = 'H2'", "1")


@suite.case("csv-images-download", "several at once, checked, gone on with where they were cut; nothing that misbehaves is taken")
def _():
    with shop() as s:
        files = Files(s)
        s.program.configure({"images": {"allow_private": True}})
        with ImageServer() as server:
            downloaded(s, files, server)
            misbehaved(s, files, server)
            gone_on_with(files, server)
            interrupted(s, files, server)


@suite.case("csv-images-private", "addresses of private networks are refused, by name, number and redirection; certificates are checked")
def _():
    with shop() as s:
        files = Files(s)
        certificate, key, other = make_certificates(s.work)
        with ImageServer() as plain, ImageServer(tls=(certificate, key)) as server:
            plain.files["/a.jpg"] = server.files["/a.jpg"] = Image(jpeg(300))
            hosts = ("localhost", "127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]")
            text = HEAD + "".join("%d,a,1,http://%s:%d/a.jpg,\n" % (at, host, plain.port) for at, host in enumerate(hosts))
            out = files.sync(text + "A,a,1,a.jpg,\n", "--image-base-url", plain.url, code=3, counts=(0, 0, 0, len(hosts) + 1))
            told = [line for line in out.splitlines() if "which is no address of the public Internet" in line]
            expect_equal(len(told), len(hosts) + 1, "log: " + out)
            expect_equal(plain.requests, [], "requests")
            s.program.configure({"images": {"allow_private": True}})
            text = HEAD + "B,b,1,%s/a.jpg,\n" % server.url
            for ca in ("", other):
                out = files.sync(text, "--set", "images.ca=" + ca, code=3, counts=(0, 0, 0, 1))
                expect_contains(out, "certificate", "log with the CA '%s'" % ca)
            out = files.sync(text.replace("localhost", "127.0.0.1"), "--set", "images.ca=" + certificate, code=3, counts=(0, 0, 0, 1))
            expect_contains(out, "certificate", "log of another name")
            expect_equal(server.requests, [], "requests")
            # a redirection does not lead out of TLS
            server.files["/plain.jpg"] = Image(redirect=plain.url + "/a.jpg")
            files.sync(HEAD + "B,b,1,%s/plain.jpg,\n" % server.url, "--set", "images.ca=" + certificate, code=3, counts=(0, 0, 0, 1))
            expect_equal(plain.requests, [], "requests without TLS")
            files.sync(text, "--set", "images.ca=" + certificate, counts=(0, 1, 0, 0))
