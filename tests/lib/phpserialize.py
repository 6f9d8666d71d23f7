"""PHP's serialize() as text: read into a tree, and written again to the byte.

A string is a str (bytes where it is no UTF-8), a number an int or a Float that keeps its digits, an array a Map: a
list of [key, value], in order, and an object a Map with the name of its class.
"""


class Float(float):
    """A double with the digits that it was written with."""

    def __new__(cls, text):
        number = float.__new__(cls, text)
        number.text = text
        return number


class Map(list):
    """[key, value] pairs of an array, or of an object of class `kind`."""

    kind = None

    def get(self, key, default=None):
        for name, value in self:
            if name == key:
                return value
        return default


class Malformed(ValueError):
    """The text is not what serialize() writes."""


class _Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def until(self, mark):
        end = self.data.find(mark, self.at)
        if end < 0:
            raise Malformed("no %r after byte %d" % (mark, self.at))
        text = self.data[self.at:end]
        self.at = end + len(mark)
        return text.decode("utf-8", "strict")

    def expect(self, mark):
        if self.data[self.at:self.at + len(mark)] != mark:
            raise Malformed("no %r at byte %d" % (mark, self.at))
        self.at += len(mark)

    def string(self):
        size = int(self.until(b":"))
        self.expect(b'"')
        data = self.data[self.at:self.at + size]
        self.at += size
        self.expect(b'"')
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return data

    def pairs(self, result):
        count = int(self.until(b":"))
        self.expect(b"{")
        for _ in range(count):
            key = self.value()
            if not isinstance(key, (int, str)):
                raise Malformed("a key is neither number nor text before byte %d" % self.at)
            result.append([key, self.value()])
        self.expect(b"}")
        return result

    def value(self):
        kind = self.data[self.at:self.at + 2]
        self.at += 2
        if kind == b"N;":
            return None
        if kind == b"b:":
            return self.until(b";") == "1"
        if kind == b"i:":
            return int(self.until(b";"))
        if kind == b"d:":
            return Float(self.until(b";"))
        if kind == b"s:":
            text = self.string()
            self.expect(b";")
            return text
        if kind == b"a:":
            return self.pairs(Map())
        if kind == b"O:":
            result = Map()
            result.kind = self.string()
            self.expect(b":")
            return self.pairs(result)
        raise Malformed("a value of kind %r at byte %d" % (kind, self.at - 2))


def loads(text):
    """The tree of a text; Malformed when there is anything wrong with it, a wrong length included."""
    reader = _Reader(text.encode("utf-8") if isinstance(text, str) else text)
    try:
        tree = reader.value()
    except Malformed:
        raise
    except (UnicodeDecodeError, ValueError) as error:
        raise Malformed("%s before byte %d" % (error, reader.at)) from error
    if reader.at != len(reader.data):
        raise Malformed("%d bytes too many" % (len(reader.data) - reader.at))
    return tree


def _string(text):
    data = text if isinstance(text, bytes) else text.encode("utf-8")
    return b's:%d:"%s";' % (len(data), data)


def _write(tree):
    if tree is None:
        return b"N;"
    if isinstance(tree, bool):
        return b"b:%d;" % tree
    if isinstance(tree, int):
        return b"i:%d;" % tree
    if isinstance(tree, Float):
        return b"d:%s;" % tree.text.encode()
    if isinstance(tree, (str, bytes)):
        return _string(tree)
    head = b"a"
    if tree.kind is not None:
        head = b"O" + _string(tree.kind)[1:-1]
    return b"%s:%d:{%s}" % (head, len(tree), b"".join(_write(k) + _write(v) for k, v in tree))


def dumps(tree):
    """The text of a tree; bytes where a string in it is no UTF-8."""
    data = _write(tree)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data


def map_of(items):
    """A Map from a dict, a list, or pairs, down to the leaves."""
    if isinstance(items, dict):
        return Map([k, map_of(v)] for k, v in items.items())
    if isinstance(items, (list, tuple)):
        return Map([k, map_of(v)] for k, v in enumerate(items))
    return Float(repr(items)) if isinstance(items, float) and not isinstance(items, Float) else items
