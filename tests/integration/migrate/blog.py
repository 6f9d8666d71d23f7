"""A blog of an old shop and of a new one, and the files that lead from one to the other."""

from base import Migration
from lib.suite import expect_equal

OLD = """
CREATE TABLE great_blog_publication (post_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, summary VARCHAR(80) NOT NULL, body TEXT NULL, priority INT NOT NULL DEFAULT 0,
  state VARCHAR(20) NOT NULL DEFAULT 'new') ENGINE=InnoDB;
CREATE TABLE great_blog_index (word VARCHAR(20) PRIMARY KEY) ENGINE=InnoDB;
CREATE TABLE author (author_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) NOT NULL, boss_id INT UNSIGNED NULL) ENGINE=InnoDB;
CREATE TABLE author_link (link_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, author_id INT UNSIGNED NOT NULL,
  FOREIGN KEY (author_id) REFERENCES author (author_id) ON DELETE CASCADE) ENGINE=InnoDB;
"""
NEW = """
CREATE TABLE great_blog_post (post_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, title VARCHAR(80) NOT NULL, body TEXT NULL, state VARCHAR(20) NOT NULL,
  rating INT NULL DEFAULT 3) ENGINE=InnoDB;
CREATE TABLE great_blog_rating (rating_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB;
CREATE TABLE author (author_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) NOT NULL, boss_id INT UNSIGNED NULL) ENGINE=InnoDB;
CREATE TABLE author_link (link_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, author_id INT UNSIGNED NOT NULL,
  FOREIGN KEY (author_id) REFERENCES author (author_id) ON DELETE CASCADE) ENGINE=InnoDB;
"""
FILL = (
    "INSERT INTO great_blog_publication (post_id, summary, body, priority, state) SELECT seq, CONCAT('Title ', seq), IF(seq % 7, CONCAT('Body ', seq), NULL), seq, "
    "IF(seq % 2, 'draft', 'open') FROM seq_1_to_2000",
    "INSERT INTO author (author_id, name) SELECT seq, CONCAT('author ', seq) FROM seq_1_to_20",
    "INSERT INTO author_link (author_id) SELECT 1 + seq % 20 FROM seq_1_to_100",
    "INSERT INTO great_blog_index VALUES ('word')",
)
MAP = """<?xml version="1.0"?>
<map>
  <source>
    <document_rules>
      <ignore><document>great_blog_index</document></ignore>
      <rename><document>great_blog_publication</document><to>great_blog_post</to></rename>
    </document_rules>
    <field_rules>
      <move><field>great_blog_publication.summary</field><to>great_blog_post.title</to></move>
      <ignore><field>great_blog_publication.priority</field></ignore>
      <transform>
        <field>great_blog_publication.state</field>
        <handler class="\\Migration\\Handler\\Convert"><param name="map" value="[draft:hidden;open:shown]"/></handler>
      </transform>
    </field_rules>
  </source>
  <destination>
    <document_rules><ignore><document>great_blog_rating</document></ignore></document_rules>
    <field_rules><ignore><field>great_blog_post.rating</field></ignore></field_rules>
  </destination>
</map>
"""
CONFIG = """<?xml version="1.0"?>
<config>
  <steps mode="data">
    <step title="Data Integrity Step"><integrity>Migration\\Step\\DataIntegrity\\Integrity</integrity></step>
    <step title="Map Step">
      <integrity>Migration\\Step\\Map\\Integrity</integrity>
      <data>Migration\\Step\\Map\\Data</data>
      <volume>Migration\\Step\\Map\\Volume</volume>
    </step>
  </steps>
  <steps mode="delta">
    <step title="Map Step">
      <delta>Migration\\Step\\Map\\Delta</delta>
      <volume>Migration\\Step\\Map\\Volume</volume>
    </step>
  </steps>
  <source><database host="127.0.0.1" port="%(source)d" name="old" user="%(user)s" password="%(password)s"/></source>
  <destination><database host="127.0.0.1:%(destination)d" name="new" user="%(user)s" password="%(password)s"/></destination>
  <options>
    <map_file>%(map)s</map_file>
    <log_file>%(log)s</log_file>
    <bulk_size>0</bulk_size>
  </options>
</config>
"""
THERE = "SELECT post_id, summary, body, ELT(1 + (state = 'open'), 'hidden', 'shown') FROM great_blog_publication ORDER BY 1"
HERE = "SELECT post_id, title, body, state FROM great_blog_post ORDER BY 1"
SAME = ("SELECT * FROM author ORDER BY 1", "SELECT * FROM author_link ORDER BY 1")


class Blog(Migration):
    """with Blog() as blog: both servers, filled, and config.xml, which blog.migrate reads."""

    def __init__(self, rules=MAP, config=CONFIG):
        super().__init__(OLD, NEW, FILL, config)
        self.write("map.xml", rules)

    def equal(self, what):
        """By SQL of their own: nothing of the program's is asked."""
        expect_equal(self.destination.query(HERE, "new"), self.source.query(THERE, "old"), what + ": posts")
        for sql in SAME:
            expect_equal(self.destination.query(sql, "new"), self.source.query(sql, "old"), what + ": " + sql)
