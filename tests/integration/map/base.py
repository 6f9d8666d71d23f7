"""What the cases of maps share: two schemas, the map between them, and what the one has to be of the other."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

# pylint: disable=wrong-import-position
from lib.lab import Lab
from lib.suite import Suite, expect_equal

suite = Suite("map")

FULL = ("--binlog-row-metadata=FULL",)
SOURCE = """
CREATE TABLE article (id INT AUTO_INCREMENT PRIMARY KEY, title VARCHAR(60) NOT NULL, note VARCHAR(40), amount INT NOT NULL DEFAULT 0,
  secret VARCHAR(20), created DATETIME);
CREATE TABLE tag_a (id INT PRIMARY KEY, word VARCHAR(20));
CREATE TABLE tag_b (id INT PRIMARY KEY, word VARCHAR(20));
CREATE TABLE log_visit (id INT PRIMARY KEY, at DATETIME);
CREATE TABLE log_url (id INT PRIMARY KEY, url TEXT);
CREATE TABLE plain (id INT PRIMARY KEY, v VARCHAR(20));
"""
DESTINATION = """
CREATE TABLE post (entity INT AUTO_INCREMENT PRIMARY KEY, created DATETIME, headline VARCHAR(80) NOT NULL, note VARCHAR(40),
  amount VARCHAR(20) NOT NULL, origin VARCHAR(20) NOT NULL DEFAULT 'shop');
CREATE TABLE tags (id INT PRIMARY KEY, word VARCHAR(20), level INT NOT NULL DEFAULT 7);
CREATE TABLE plain (id INT PRIMARY KEY, v VARCHAR(20));
CREATE TABLE own (id INT PRIMARY KEY);
INSERT INTO own VALUES (1), (2);
"""
DOCUMENTS = """
      <ignore><document>log_*</document></ignore>
      <rename><document>article</document><to>post</to></rename>
      <rename><document>tag_a</document><to>tags</to></rename>
      <rename><document>tag_b</document><to>tags</to></rename>"""
FIELDS = """
      <move><field>article.id</field><to>post.entity</to></move>
      <move><field>article.title</field><to>post.headline</to></move>
      <ignore><field>article.secret</field></ignore>
      <ignore><datatype>article.amount</datatype></ignore>
      <transform><field>article.title</field><handler class="\\Migration\\Handler\\AddPrefix"><param name="prefix" value="a-"/></handler></transform>
      <transform><field>article.title</field><handler class="\\Migration\\Handler\\AddPrefix"><param name="prefix" value="b-"/></handler></transform>"""
OWN = """
      <ignore><document>own</document></ignore>"""
OWN_FIELDS = """
      <ignore><field>post.origin</field></ignore>
      <ignore><field>tags.level</field></ignore>"""


def xml(documents=DOCUMENTS, fields=FIELDS, own=OWN, own_fields=OWN_FIELDS):
    return """<?xml version="1.0" encoding="UTF-8"?>
<map xmlns:xs="http://www.w3.org/2001/XMLSchema-instance">
  <source>
    <document_rules>%s
    </document_rules>
    <field_rules>%s
    </field_rules>
  </source>
  <destination>
    <document_rules>%s
    </document_rules>
    <field_rules>%s
    </field_rules>
  </destination>
</map>
""" % (documents, fields, own, own_fields)


def write(lab, text, name="map.xml"):
    with open(os.path.join(lab.program.folder, name), "w", encoding="utf-8") as out:
        out.write(text)


def mapped(text=None, source=SOURCE, destination=DESTINATION, options=FULL, **settings):
    """A lab with both schemas and the map."""
    lab = Lab(settings={"map": ["map.xml"], "ddl": "ignore", **settings}, source_options=options)
    try:
        write(lab, text or xml())
        lab.source.script(source)
        lab.destination.script(destination)
    except BaseException:
        lab.work.close()
        raise
    return lab


def rows(server, sql):
    return sorted(server.query(sql, "shop"), key=repr)


WANTED = (("SELECT id, created, CONCAT('b-a-', title), note, CAST(amount AS CHAR), 'shop' FROM article",
           "SELECT entity, created, headline, note, amount, origin FROM post"),
          ("SELECT id, word, 7 FROM tag_a UNION ALL SELECT id, word, 7 FROM tag_b", "SELECT id, word, level FROM tags"),
          ("SELECT id, v FROM plain", "SELECT id, v FROM plain"),
          ("SELECT 1 UNION ALL SELECT 2", "SELECT id FROM own"))


def expect_mapped(lab, wanted=WANTED):
    for here, there in wanted:
        expect_equal(rows(lab.destination, there), rows(lab.source, here), there)


FILL = ("INSERT INTO article (title, note, amount, secret, created) VALUES ('one', NULL, 5, 'x', '2024-02-29 10:00:00'), "
        "('two', 'öä', -7, NULL, NULL), ('three', '', 0, 'y', '0000-00-00 00:00:00')",
        "INSERT INTO tag_a VALUES (1, 'red'), (2, 'blue')", "INSERT INTO tag_b VALUES (101, 'red'), (102, NULL)",
        "INSERT INTO log_visit VALUES (1, NOW())", "INSERT INTO log_url VALUES (1, 'x')", "INSERT INTO plain (id, v) VALUES (1, 'p'), (2, NULL)")
