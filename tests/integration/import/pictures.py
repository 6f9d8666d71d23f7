"""Images that a source shop names, brought into the destination's media folder."""

import json
import os

from lib.images import Image, ImageServer, jpeg, png
from lib.suite import expect, expect_contains, expect_equal
from lib.twoshops import TwoShops

GALLERY = "SELECT DISTINCT value FROM openmage.catalog_product_entity_media_gallery"
ROLES = ("SELECT DISTINCT value FROM openmage.%s_entity_varchar JOIN openmage.eav_attribute USING (attribute_id) WHERE frontend_input = '%s' "
         "AND value <> 'no_selection'")


def content(name):
    return png() if name.endswith("png") else jpeg(200 + len(name))


def named(server):
    """Paths in the media folder that a shop's rows name."""
    products = server.query(GALLERY) + server.query(ROLES % ("catalog_product", "media_image"))
    categories = server.query(ROLES % ("catalog_category", "image"))
    return ({"catalog/product/" + row[0].lstrip("/") for row in products if row[0]} |
            {"catalog/category/" + row[0] for row in categories if row[0]})


def there(folder):
    found = set()
    for at, _folders, names in os.walk(folder):
        found |= {os.path.relpath(os.path.join(at, name), folder) for name in names}
    return found


def images(out):
    lines = [json.loads(line)["images"] for line in out.splitlines() if line.startswith('{"images"')]
    return lines[0] if lines else {}


def define(suite):
    @suite.case("sync-images", "images of a shop's products and categories come along, and follow the stream; one that is gone is listed")
    def _():
        with TwoShops(settings={}) as shops, ImageServer() as server:
            program, work = shops.lab.program, shops.lab.work
            media, base = work.path("media"), work.path("base")
            os.mkdir(media)
            category = shops.source.scalar("SELECT MAX(entity_id) FROM openmage.catalog_category_entity")
            shops.source.run("INSERT INTO catalog_category_entity_varchar (entity_type_id, attribute_id, store_id, entity_id, value) SELECT "
                             "entity_type_id, attribute_id, 0, %d, 'shelf.png' FROM eav_attribute WHERE attribute_code = 'image' AND "
                             "entity_type_id = 3" % category, database="openmage")
            wanted = sorted(named(shops.source))
            expect(len(wanted) > 2 and "catalog/category/shelf.png" in wanted, "images at the source: %s" % wanted)
            gone = next(name for name in wanted if name.startswith("catalog/product/"))
            for at, name in enumerate(wanted):
                if at % 2 and name != gone:
                    os.makedirs(os.path.join(base, os.path.dirname(name)), exist_ok=True)
                    with open(os.path.join(base, name), "wb") as file:
                        file.write(content(name))
                elif name != gone:
                    server.files["/media/" + name] = Image(content(name))
            program.configure({"images": {"media_dir": media, "base_path": base, "base_url": server.url + "/media", "allow_private": True}})
            code, out, err = program.command("sync", "[category, product]", "legacy", "-d", "update", "--json", timeout=240)
            expect_equal(code, 3, "sync: %s" % err[-1500:])
            expect_contains(err, "image is missing entity=product", "log")
            expect_contains(err, "file=" + gone, "log")
            expect_equal(images(out)["missing"], 1, "missing")
            expect_equal(there(media), set(wanted) - {gone}, "files at the destination")
            for name in wanted:
                if name != gone:
                    with open(os.path.join(media, name), "rb") as file:
                        expect(file.read() == content(name), "another content: " + name)
            # the stream: a new picture
            program.configure({"mode": "import", "source_system": "legacy", "on_duplicate": "update", "start": "current",
                               "entities": ["product"], "images": {"base_path": ""}})
            code, _out, err = program.command("incremental", timeout=120)
            expect_equal(code, 0, err[-1500:])
            expect_contains(program.command("check")[1], "files go to " + media, "check")
            expect_contains(program.command("check", "--set", "images.media_dir=/nowhere")[1], "images.media_dir: cannot open /nowhere", "check")
            held = []

            def during():  # a slow server holds no row, and a connection that is lost meanwhile loses nothing
                held.append(shops.destination.scalar("SELECT COUNT(*) FROM information_schema.innodb_trx"))
                held.append(shops.destination.cut() > 0)

            server.files["/media/catalog/product/n/e/new.jpg"] = Image(jpeg(321), during=during)
            shops.source.run("INSERT INTO catalog_product_entity_media_gallery (attribute_id, entity_id, value) SELECT attribute_id, entity_id, "
                             "'/n/e/new.jpg' FROM catalog_product_entity_media_gallery LIMIT 1", database="openmage")
            code, _out, err = program.command("incremental", timeout=120)
            expect_equal(code, 0, err[-1500:])
            expect_equal(held, [0, True], "transactions while it was on its way, and the connection")
            expect("catalog/product/n/e/new.jpg" in there(media), "the new picture is not there")
            expect_equal(shops.destination.scalar("SELECT COUNT(*) FROM openmage.catalog_product_entity_media_gallery WHERE value = "
                                                  "'/n/e/new.jpg'"), 1, "its row")
